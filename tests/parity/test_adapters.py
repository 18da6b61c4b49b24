"""LoRA adapters that an installed PEFT saved give the numbers that it computes."""

import numpy as np
import pytest

import xlm_tf
from tests.parity.test_huggingface import CONFIGURATIONS, inputs_of, make

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
peft = pytest.importorskip("peft")
pytestmark = pytest.mark.parity

LABELS = {"num_labels": 3}
EMBEDDING = {"target_modules": ["query", "word_embeddings"]}
NEW = {"target_modules": ["query"], "modules_to_save": ["word_embeddings"]}
# A model of ours; and the settings of its adapter, of XLM-R's names and of XLM's.
CASES = {
    "classes": (
        "XLMTextClassifier",
        {"task_type": "SEQ_CLS", "target_modules": "all-linear"},
        {
            "task_type": "SEQ_CLS",
            "target_modules": ["q_lin", "lin1"],
            "modules_to_save": ["sequence_summary"],
        },
    ),
    "tags": (
        "XLMTokenClassifier",
        *(
            {"task_type": "TOKEN_CLS", "target_modules": names, "use_rslora": True}
            for names in (["query", "output.dense"], ["v_lin", "lin2"])
        ),
    ),
    "answers": (
        "XLMQuestionAnswering",
        *(
            {"task_type": "QUESTION_ANS", "target_modules": names}
            for names in (r".*\.1\..*(query|dense)", r".*\.1\..*k_lin")
        ),
    ),
    "states": (
        "XLMBackbone",
        {
            "task_type": "FEATURE_EXTRACTION",
            "target_modules": ["query", "value"],
            "layers_to_transform": [1],
            "init_lora_weights": "gaussian",
        },
        {"task_type": "FEATURE_EXTRACTION", "target_modules": ["out_lin"]},
    ),
    "patterns": (
        "XLMMaskedLM",
        {
            "target_modules": ["query", "key", "output.dense"],
            "rank_pattern": {"key": 2, "0.attention.self.query": 3},
            "alpha_pattern": {r"roberta.*layer\.1\.attention.self.query": 5},
            "exclude_modules": ["layer.0.output.dense"],
        },
        {
            "target_modules": ["q_lin", "out_lin"],
            "rank_pattern": {"1.q_lin": 3},
            "alpha_pattern": {"out_lin": 9},
            "exclude_modules": r".*\.0\.q_lin",
            "layers_pattern": "attentions",
            "layers_to_transform": [0, 1],
        },
    ),
    "everything": ("XLMMaskedLM", *({"target_modules": "all-linear"},) * 2),
    "an embedding": ("XLMMaskedLM", EMBEDDING, {"target_modules": ["embeddings"]}),
    "an embedding of states": (
        "XLMBackbone",
        EMBEDDING,
        {"target_modules": "embeddings"},
    ),
    "the output layer": (
        "XLMMaskedLM",
        {"target_modules": ["query", "decoder"]},
        {"target_modules": ["proj"]},
    ),
    "a new embedding": (
        "XLMMaskedLM",
        NEW,
        {"target_modules": ["q_lin"], "modules_to_save": ["embeddings"]},
    ),
    "a new head": (
        "XLMMaskedLM",
        {"target_modules": ["query"], "modules_to_save": ["lm_head"]},
        {"target_modules": ["q_lin"], "modules_to_save": ["pred_layer"]},
    ),
    "biases": (
        "XLMTextClassifier",
        {"task_type": "SEQ_CLS", "target_modules": ["query"], "bias": "all"},
        {
            "task_type": "SEQ_CLS",
            "target_modules": ["q_lin"],
            "bias": "all",
            "modules_to_save": ["sequence_summary"],
        },
    ),
    "some biases": (
        "XLMTokenClassifier",
        *(
            {"task_type": "TOKEN_CLS", "target_modules": [name], "bias": "lora_only"}
            for name in ("query", "q_lin")
        ),
    ),
}
CLASSES = {
    "XLMTextClassifier": ("ForSequenceClassification",) * 2,
    "XLMTokenClassifier": ("ForTokenClassification",) * 2,
    "XLMQuestionAnswering": ("ForQuestionAnsweringSimple", "ForQuestionAnswering"),
    "XLMBackbone": ("Model", "Model"),
    "XLMMaskedLM": ("WithLMHeadModel", "ForMaskedLM"),
}


def adapted(configuration, case, tmp_path, **saving):
    """PEFT's model, whose base is in "base" and whose adapter in "adapter"."""
    family, _ = configuration
    task, *settings = CASES[case]
    is_xlmr = family != "XLM"
    make(configuration, CLASSES["XLMMaskedLM"][is_xlmr], tmp_path / "base")
    model_class = getattr(transformers, family + CLASSES[task][is_xlmr])
    labels = LABELS if "Classif" in task else {}
    torch.manual_seed(1)
    model = model_class.from_pretrained(tmp_path / "base", **labels)
    settings = {"r": 4, "lora_alpha": 6, **settings[not is_xlmr]}
    model = peft.get_peft_model(model, peft.LoraConfig(**settings)).eval()
    for name, parameter in model.named_parameters():
        if "lora_" in name or parameter.requires_grad:
            parameter.data += 0.2 * torch.randn_like(parameter)
    model.save_pretrained(tmp_path / "adapter", **saving)
    return model, task


@pytest.mark.parametrize(
    "name", ["xlm-r", "xlm-r xl", "xlm relu", "xlm with languages"]
)
@pytest.mark.parametrize("case", CASES)
def test_the_numbers_are_those_of_peft(case, name, tmp_path):
    configuration = CONFIGURATIONS[name]
    model, task = adapted(configuration, case, tmp_path)
    ours, theirs, mask = inputs_of(configuration)
    with torch.no_grad():
        outputs = model(**theirs)
    if "start_logits" in outputs:
        expected = torch.stack([outputs.start_logits, outputs.end_logits], dim=-1)
    else:
        expected = outputs[0]
    actual = np.array(getattr(xlm_tf, task).from_preset(tmp_path / "adapter")(ours))
    mask = mask if actual.ndim == 3 else slice(None)
    np.testing.assert_allclose(
        actual[mask], expected.numpy()[mask], rtol=1e-5, atol=1e-5
    )
