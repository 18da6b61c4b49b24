"""How well and how fast an embedder finds translations and documents.

python benchmarks/search.py --model embedder/model \\
    --text en=ntrex.en.txt.gz --text de=ntrex.de.txt.gz --text sw=ntrex.sw.txt.gz

The texts are parallel, line by line, plain or .gz. Three things are measured:

- retrieval: of every line of the first language its translation among the lines of
  another one, and back;
- mining: the first lines of two languages are pairs, and of the others either side has
  half, so that they have none; margins with four neighbours;
- an index of all lines but 500, which are the queries: time, size, queries per second
  and, of the graph, recall of the ten nearest against exact search.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from xlm_tf.data.plain_text import iterate_plain_text
from xlm_tf.evaluation.bitext_scores import score_bitext
from xlm_tf.evaluation.retrieval import retrieval_accuracy
from xlm_tf.search.documents import Document
from xlm_tf.search.index import GRAPH, Index, load_embedder
from xlm_tf.search.mining import mine_pairs
from xlm_tf.search.prompted_embedding import embed_queries, embed_sentences


def mining_scores(a, b, num_pairs):
    """Scores of mining where the first rows are pairs and the others have none.

    Args:
        a, b: float32 arrays (N, D), row by row translations.
        num_pairs: int.

    Returns:
        dict of precision, recall, F1 at the best threshold.
    """
    rest = (len(a) - num_pairs) // 2
    a = a[: num_pairs + rest]
    b = np.concatenate([b[:num_pairs], b[num_pairs + rest :]])
    gold = {(i, i) for i in range(num_pairs)}
    pairs = list(zip(*(x.tolist() for x in mine_pairs(a, b)), strict=True))
    scores = score_bitext(pairs, gold)
    return {
        "precision": scores.precision,
        "recall": scores.recall,
        "f1": scores.f1,
        "threshold": scores.threshold,
    }


def index_figures(model, texts, num_queries=500, k=10):
    """Figures of an index of some texts, of which a few are held out as queries.

    Args:
        model: str, an embedder.
        texts: dict from language to list of str.
        num_queries: int.
        k: int, documents that are looked for.

    Returns:
        dict.
    """
    documents = [
        Document(f"{language}:{number}", text)
        for language, own in texts.items()
        for number, text in enumerate(own)
    ]
    order = np.random.default_rng(0).permutation(len(documents))
    held_out = [documents[i] for i in order[:num_queries]]
    documents = [documents[i] for i in order[num_queries:]]
    with tempfile.TemporaryDirectory() as folder:
        begun = time.monotonic()
        index = Index.create(Path(folder) / "index", model)
        index.add(documents)
        figures = {
            "documents": len(index),
            "seconds": time.monotonic() - begun,
            "megabytes": index.size() / 1e6,
            "megabytes of the graph": (index.path / GRAPH).stat().st_size / 1e6
            if (index.path / GRAPH).exists()
            else 0,
        }
        begun = time.monotonic()
        index.add(documents)
        figures["seconds when nothing has changed"] = time.monotonic() - begun
        queries = embed_queries(index.embedder, [x.text for x in held_out])
        found = {}
        for name, is_exact in (("exact", True), ("graph", False)):
            if name == "graph" and not (index.path / GRAPH).exists():
                continue
            begun = time.monotonic()
            with Index.open(index.path) as opened:
                opened.search_vectors(queries[:1], k, is_exact)
                figures[f"{name}: seconds to open and answer"] = (
                    time.monotonic() - begun
                )
                begun = time.monotonic()
                hits = opened.search_vectors(queries, k, is_exact)
                figures[f"{name}: queries per second, together"] = num_queries / (
                    time.monotonic() - begun
                )
                begun = time.monotonic()
                for query in queries[:100]:
                    opened.search_vectors(query[None], k, is_exact)
                figures[f"{name}: queries per second, one by one"] = 100 / (
                    time.monotonic() - begun
                )
            found[name] = [{hit.id for hit in own} for own in hits]
        if len(found) == 2:
            shares = [
                len(a & b) / len(a)
                for a, b in zip(found["exact"], found["graph"], strict=True)
            ]
            figures["recall of the graph"] = float(np.mean(shares))
    return figures


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument(
        "--text", action="append", required=True, metavar="LANGUAGE=FILE"
    )
    parser.add_argument("--pairs", type=int, default=1000, help="to mine")
    parser.add_argument("--output", default="search.json")
    args = parser.parse_args()
    texts = {}
    for item in args.text:
        language, path = item.split("=", 1)
        texts[language] = list(iterate_plain_text([path]))
    embedder = load_embedder(args.model)
    vectors, begun = {}, time.monotonic()
    for language, own in texts.items():
        vectors[language] = embed_sentences(embedder, own)
    seconds = time.monotonic() - begun
    first, *others = texts
    right = [{i} for i in range(len(texts[first]))]
    found = {}
    for language in others:
        a, b = vectors[first], vectors[language]
        found[language] = {
            f"from {first}": retrieval_accuracy(a, b, right),
            f"to {first}": retrieval_accuracy(b, a, right),
            "mined": mining_scores(a, b, args.pairs),
        }
        print(language, json.dumps(found[language]), flush=True)
    figures = index_figures(args.model, texts)
    figures["sentences embedded per second"] = sum(map(len, texts.values())) / seconds
    for name, value in figures.items():
        print(f"{name}: {value:,.4g}")
    Path(args.output).write_text(json.dumps({"found": found, "index": figures}))


if __name__ == "__main__":
    main()
