import sys

import pytest

from xlm_tf.optional_packages import import_optional


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package that imports another one, which is not installed."""
    (tmp_path / "half_installed.py").write_text("import its_dependency.inner\n")
    monkeypatch.syspath_prepend(tmp_path)
    return "half_installed"


def test_the_package_that_is_missing_is_named(package):
    with pytest.raises(ModuleNotFoundError) as error:
        import_optional("not_installed.scores", "Scores", "pip install x")
    assert str(error.value) == (
        "Scores need not_installed, which is not installed: pip install x"
    )
    with pytest.raises(ModuleNotFoundError) as error:
        import_optional(package, "Scores", "pip install x")
    assert str(error.value) == (
        "Scores need half_installed, which needs its_dependency, which is not "
        "installed: pip install x"
    )
    assert error.value.name == "its_dependency"


@pytest.mark.parametrize(
    ("module", "dependency", "use"),
    [
        ("sacrebleu", "portalocker", "translation_scores"),
        ("rouge_score", "nltk", "summary_scores"),
        ("sacremoses", "joblib", "split_words"),
        ("sacrebleu", "sacrebleu", "translation_scores"),
    ],
)
def test_a_dependency_of_a_dependency_is_named(monkeypatch, module, dependency, use):
    from xlm_tf.evaluation import summary_scores, translation_scores
    from xlm_tf.text import moses

    for name in list(sys.modules):
        if name.partition(".")[0] in (module, dependency):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, dependency, None)  # is not found
    moses._normalizer.cache_clear()
    calls = {
        "translation_scores": lambda: translation_scores.translation_scores(
            ["a"], [["a"]], "en"
        ),
        "summary_scores": lambda: summary_scores.summary_scores(["a"], [["a"]], "en"),
        "split_words": lambda: moses.split_words("a"),
    }
    reason = f"{dependency}, which is not installed: pip install 'xlm-tf"
    with pytest.raises(ModuleNotFoundError, match=reason):
        calls[use]()


def test_an_error_inside_a_package_is_its_own(tmp_path, monkeypatch):
    (tmp_path / "broken_package.py").write_text("import os.no_such_name\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="needs os, which") as error:
        import_optional("broken_package", "Scores", "pip install x")
    assert "os.no_such_name" in str(error.value.__cause__)
