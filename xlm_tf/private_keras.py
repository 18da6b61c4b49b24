"""Every private name of Keras, KerasHub and TensorFlow that the package touches.

Each stands here, alone, with its reason and the public replacement that is missing, so
that a new release of theirs has one place to break; setup.cfg bounds the releases by
those that were tested (`make test-newest`). Nothing is imported before it is needed:
this file is read with `import xlm_tf`, which knows no TensorFlow yet.
"""

import contextlib
import hashlib
import importlib
import json
import pathlib


class LazyRegistry(dict):
    """Keras's registry of classes, in which a class may be a name that is not imported.

    Private: `keras.src.saving.object_registration.GLOBAL_CUSTOM_OBJECTS`, replaced by
    `register_on_lookup`. Missing in public: a registration that names the module of a
    class instead of importing it. Where Keras copies the registry, a copy holds
    placeholders, which make the real objects.
    """

    def __getitem__(self, name):
        return _imported(super().__getitem__(name))

    def get(self, name, default=None):
        return _imported(super().get(name, default))

    def values(self):
        return [_imported(value) for value in super().values()]

    def items(self):
        return [(name, _imported(value)) for name, value in super().items()]


def register_on_lookup(package, classes):
    """Let Keras import classes of a package when it looks for them.

    Args:
        package: str, the name under which the classes register.
        classes: dict from modules to the names of their classes.
    """
    from keras.src.saving import object_registration

    placeholders = {
        f"{package}>{name}": _placeholder(module, name)
        for module, names in classes.items()
        for name in names
    }
    registered = object_registration.GLOBAL_CUSTOM_OBJECTS
    object_registration.GLOBAL_CUSTOM_OBJECTS = LazyRegistry(
        {**placeholders, **registered}
    )


class _Placeholder:
    """Stands for a class: makes its objects, which is all that Keras asks of one."""

    module = None  # str, of the class

    def __new__(cls, *args, **kwargs):
        return _imported(cls)(*args, **kwargs)

    @classmethod
    def from_config(cls, config):
        return _imported(cls).from_config(config)


def _placeholder(module, name):
    return type(name, (_Placeholder,), {"module": module})


def _imported(value):
    if isinstance(value, type) and issubclass(value, _Placeholder):
        return getattr(importlib.import_module(value.module), value.__name__)
    return value


class OptimizerBuiltAlone:
    """Mixin for models whose `fit` shall build the optimizer and nothing else.

    Private: `_maybe_symbolic_build`, overridden. Keras reduces a batch over the
    replicas to build a model, which fails for bool tensors and for workers. Missing in
    public: to say that a model is built.
    """

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        with self.distribute_strategy.scope():
            if not self.optimizer.built:
                self.optimizer.build(self.trainable_variables)


class BuiltByOneReplica:
    """Mixin for models that build their metrics and optimizer on a replica's batch.

    Private: `_maybe_symbolic_build`, extended. Keras reduces a batch over the replicas
    for it, which fails for bool tensors and for workers. Missing in public: to say
    what a batch looks like.
    """

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        import tensorflow as tf

        strategy = self.distribute_strategy
        if iterator is not None and strategy.num_replicas_in_sync > 1:
            for _, _, batches in iterator:
                data_batch = tf.nest.map_structure(
                    lambda value: strategy.experimental_local_results(value)[0],
                    next(batches),
                )
                break
            iterator = None
        super()._maybe_symbolic_build(iterator, data_batch)


class AnyInputs:
    """Mixin for functional models that check their inputs themselves.

    Private: `_assert_input_compatibility`, overridden. Missing in public: a functional
    model whose declared inputs are not the only ones.
    """

    def _assert_input_compatibility(self, *args, **kwargs):
        pass


def declared_output_spec(model, inputs):
    """What a functional model gives for inputs that are as those it was built with.

    Private: `_inputs_struct` and `_outputs_struct`, read. Missing in public: their
    structure, which `inputs` and `outputs` of a model do not show.

    Args:
        model: a functional model whose inputs are a dict.
        inputs: dict of `KerasTensor`.

    Returns:
        `KerasTensor`, or a structure of them as the model's outputs; None where the
        names or shapes of the inputs are others.
    """
    import keras

    declared = model._inputs_struct
    if inputs.keys() != declared.keys() or any(
        inputs[name].shape != declared[name].shape for name in declared
    ):
        return None
    return keras.tree.map_structure(
        lambda x: keras.KerasTensor(x.shape, x.dtype), model._outputs_struct
    )


class ArgumentsFromPreset:
    """Mixin for preprocessors that begin as the preset's, of whatever task, was.

    Private: `_add_missing_kwargs`, extended. KerasHub gives the preprocessor of another
    task its defaults. Missing in public: to load what two tasks have in common.

    A subclass has `preset_arguments`, the names of the arguments that are taken over.
    """

    preset_arguments = ()

    @classmethod
    def _add_missing_kwargs(cls, loader, kwargs):
        kwargs = super()._add_missing_kwargs(loader, kwargs)
        saved = (read_preset(loader.preset, "preprocessor.json") or {}).get(
            "config", {}
        )
        taken_over = {
            name: saved[name] for name in cls.preset_arguments if name in saved
        }
        return {**taken_over, **kwargs}


def preset_file(preset, file):
    """A file of a preset of Keras, downloaded, or None where the preset has none.

    Private: `keras_hub.src.utils.preset_utils`. Missing in public: to read a file of
    a preset that may be a folder, a handle of a hub, or a name.

    Args:
        preset: str or Path, see `from_preset`.
        file: str, such as "task.json".

    Returns:
        Path, or None.
    """
    from keras_hub.src.utils import preset_utils

    try:
        return pathlib.Path(preset_utils.get_file(str(preset), file))
    except FileNotFoundError:
        return None


def read_preset(preset, file):
    """A JSON file of a preset of Keras, or None where the preset has none.

    Args: as for `preset_file`.

    Returns:
        dict, or None.
    """
    path = preset_file(preset, file)
    return None if path is None else json.loads(path.read_text(encoding="utf-8"))


class SentencePieceModels:
    """Mixin for a `keras_hub.tokenizers.SentencePieceTokenizer`: the models inside.

    Private: `_set_proto_tf` and `_set_proto_spm`, extended, `_sentence_piece` and
    `_sentence_piece_spm` of KerasHub; `_model_resource` and its `_create_resource` and
    `_resource_handle`, and the op `sentencepiece_op`, of TensorFlow Text. Missing in
    public: the model that a saved graph must own; a model that outlives TensorFlow's
    kernels.

    A subclass has `proto_of_models(proto)`, the bytes that both models are made of.
    """

    def _set_proto_spm(self, proto):
        super()._set_proto_spm(self.proto_of_models(proto))

    def _set_proto_tf(self, proto):
        proto = self.proto_of_models(proto)
        super()._set_proto_tf(proto)
        # TensorFlow Text lets an eager kernel own the model: it is gone as soon as
        # TensorFlow clears its kernels, as `keras.utils.set_random_seed` does. Under a
        # shared name it stays, once for all tokenizers of the same vocabulary.
        import tensorflow as tf
        from tensorflow_text.python.ops import sentencepiece_tokenizer

        shared_name = "sentencepiece_" + hashlib.sha256(proto).hexdigest()
        ops = sentencepiece_tokenizer.gen_sentencepiece_tokenizer
        model = self._sentence_piece._model_resource
        model._create_resource = lambda: ops.sentencepiece_op(
            model=proto, shared_name=shared_name
        )
        model._resource_handle = None
        with tf.init_scope():
            _ = model.resource_handle  # reading it creates it

    @property
    def model_in_graph(self):
        """The `tensorflow_text.SentencepieceTokenizer`."""
        return self._sentence_piece

    @property
    def model_in_python(self):
        """The `sentencepiece.SentencePieceProcessor`."""
        return self._sentence_piece_spm

    @property
    def graph_resources(self):
        """What a graph that tokenises must own when it is saved."""
        return [self._sentence_piece._model_resource]


class RatesByVariable:
    """Mixin for optimizers with weight decay whose variables learn at different rates.

    Private: `_get_variable_index` and `_use_weight_decay`, called;
    `_apply_weight_decay`, overridden, which takes the same share of every variable.
    Missing in public: groups of parameters.

    A subclass has `rate_factors`: list of float, by which the rate of every variable is
    multiplied, in the order in which `build` gets them; or None.
    """

    rate_factors = None

    def build(self, variables):
        factors = self.rate_factors
        if factors is not None and len(factors) != len(variables):
            raise ValueError(
                "rate_factors must have one for every variable. Received: "
                f"{len(factors)} for {len(variables)} variables."
            )
        super().build(variables)

    def update_step(self, gradient, variable, learning_rate):
        if self.rate_factors is not None:
            learning_rate *= self.rate_factors[self._get_variable_index(variable)]
            if self.weight_decay and self._use_weight_decay(variable):
                share = self.weight_decay * learning_rate
                self.assign_sub(variable, variable * share)
        super().update_step(gradient, variable, learning_rate)

    def _apply_weight_decay(self, variables):
        if self.rate_factors is None:
            super()._apply_weight_decay(variables)


@contextlib.contextmanager
def unlocked(layer):
    """Let a layer that is built get further weights.

    Private: `_tracker`. Missing in public: weights that a layer gets later, such as
    those that Keras's own `enable_lora` adds.
    """
    layer._tracker.unlock()
    try:
        yield
    finally:
        layer._tracker.lock()


@contextlib.contextmanager
def without_values():
    """Within it, layers are built whose variables have no values, and take no memory.

    They compute where `keras.StatelessScope` gives them values.

    Private: `keras.src.backend.common.global_state`, of which the list of variables
    without values is taken back: Keras draws values for them when a scope ends. Missing
    in public: variables that stay without.
    """
    import keras
    from keras.src.backend.common import global_state

    name = "uninitialized_variables"
    waiting = global_state.get_global_attribute(name) or []
    global_state.set_global_attribute(name, [])
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        global_state.set_global_attribute(name, waiting)


def is_training():
    """Whether the model that is being called was called with `training=True`.

    Private: `keras.src.backend.common.global_state`, read. Missing in public: what
    Keras passes on to inner layers, for a layer that calls others in its own way.
    """
    from keras.src.backend.common import global_state

    context = global_state.get_global_attribute("current_call_ctx")
    return bool(getattr(context, "training", False))


def is_compiled_by_xla():
    """Whether TensorFlow traces what XLA compiles, by `jit_compile` or on a TPU.

    Private: `tensorflow.python.ops.control_flow_util`. Missing in public: the same
    question.
    """
    import tensorflow as tf
    from tensorflow.python.ops import control_flow_util

    graph = tf.compat.v1.get_default_graph()
    return control_flow_util.GraphOrParentsInXlaContext(graph)


def keras_mask(tensor):
    """Which elements of a tensor Keras counts; None for all.

    Private: `keras.src.backend.common.masking.get_keras_mask`. Missing in public: which
    targets a loss with `ignore_class` left out of its mean.
    """
    return getattr(tensor, "_keras_mask", None)


def nested_layers(layer):
    """The layers inside of a layer, those inside of them too, without itself.

    Private: `_flatten_layers`. Missing in public: `keras.Model.layers` stops at the
    first level, and other layers have none.

    Args:
        layer: `keras.Layer`.

    Returns:
        List of `keras.Layer`.
    """
    return list(layer._flatten_layers(include_self=False))
