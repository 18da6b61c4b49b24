"""Many vectors in a graph (HNSW, by faiss), which a search walks along.

Source: Malkov and Yashunin 2018 (arXiv 1603.09320).
"""

import numpy as np

from xlm_tf.optional_packages import import_optional
from xlm_tf.output_files import whole_file

# Passages from which on an index has a graph: fewer are compared one by one.
GRAPH_FROM = 50_000
# Share of a graph's vectors whose documents are removed: with more, it is made anew.
MOST_REMOVED = 0.25
_LINKS = 32
# Candidates that are held while a graph is made, and searched.
_WIDTH = 128


class Graph:
    """Vectors of length 1 by their keys, in half precision.

    Args:
        dimension: int, D.
    """

    def __init__(self, dimension):
        faiss = _faiss()
        quantizer = faiss.ScalarQuantizer
        graph = faiss.IndexHNSWSQ(dimension, quantizer.QT_fp16, _LINKS)
        graph.hnsw.efConstruction = _WIDTH
        graph.train(np.zeros((1, dimension), "float32"))
        self._index = faiss.IndexIDMap(graph)

    @classmethod
    def open(cls, path, is_changed=False):
        """Open a file of `save`.

        Args:
            path: str or Path.
            is_changed: bool: read it whole, so that vectors can be added. Otherwise
                the file is mapped into memory: a search reads what it looks at.
        """
        faiss = _faiss()
        graph = cls.__new__(cls)
        flags = 0 if is_changed else faiss.IO_FLAG_MMAP_IFC
        graph._index = faiss.read_index(str(path), flags)
        return graph

    @property
    def keys(self):
        """int64 array (N,)."""
        return _faiss().vector_to_array(self._index.id_map)

    def add(self, keys, vectors):
        """Add vectors, float32 (N, D), by their keys, int64 (N,)."""
        self._index.add_with_ids(vectors, keys)

    def search(self, queries, k):
        """The keys of the vectors nearest to queries.

        Args:
            queries: float32 array (Q, D).
            k: int.

        Returns:
            int64 array (Q, min(k, N)), the nearest first; -1 where fewer were found.
        """
        k = min(k, self._index.ntotal)
        parameters = _faiss().SearchParametersHNSW(efSearch=max(_WIDTH, k))
        _, keys = self._index.search(queries, k, params=parameters)
        return keys

    def save(self, path):
        """Write it beside its place, and put it there when it is whole."""
        with whole_file(path) as partial:
            try:
                _faiss().write_index(self._index, str(partial))
            except RuntimeError as error:
                raise OSError(f"{path} cannot be written: {error}") from error


def check_installed():
    """Raise a ModuleNotFoundError where faiss is missing; says how to install it."""
    _faiss()


def _faiss():
    return import_optional(
        "faiss", "Searches among many vectors", "pip install 'xlm-tf[search]'"
    )
