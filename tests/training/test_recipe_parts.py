import inspect

from xlm_tf import XLMBackbone
from xlm_tf.training.recipe_parts import BackboneArguments


def test_the_fields_of_the_model_are_the_arguments_of_the_backbone():
    arguments = {
        name: parameter.default
        for name, parameter in inspect.signature(XLMBackbone).parameters.items()
        if name
        not in ("vocabulary_size", "pad_token_id", "num_languages", "dtype", "kwargs")
    }
    fields = dict(BackboneArguments.model_fields)
    del fields["language_embeddings"]
    assert set(fields) == set(arguments)
    for name, field in fields.items():
        default = arguments[name]
        if default is inspect.Parameter.empty:
            default = None  # needed from scratch alone
        assert field.default == default, name
