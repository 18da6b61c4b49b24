"""TensorFlow without its banners."""

import contextlib
import os
import re
import sys
import tempfile

# Lines of information, the notice of the logging library, what a machine without a GPU
# says about it, and what the TFLite converter and interpreter say of themselves.
_BANNER = re.compile(
    r"I0000 |INFO: |WARNING: All log messages before absl::InitializeLog|.*"
    r"(To enable the following instructions|failed call to cuInit|"
    r"Could not find cuda drivers|oneDNN supports DT_INT64|"
    r"Ignored output_format|Ignored drop_control_dependency|"
    r"NodeDef mentions attribute Truncate)"
)


# XLA looks for the fastest kernel of every matrix product by building and timing many:
# minutes for a step of XLM-R base, whose kernels NVIDIA's library chooses as well.
_XLA_FLAGS = "--xla_gpu_autotune_level=0 --xla_gpu_enable_triton_gemm=false"


def start_tensorflow():
    """Import TensorFlow and wake its devices; forward what it says but the banners."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    os.environ.setdefault("XLA_FLAGS", _XLA_FLAGS)
    with without_banners():
        import tensorflow as tf
        import tensorflow_text  # noqa: F401

        # A cluster must be joined before the first computation.
        if "TF_CONFIG" not in os.environ:
            tf.function(tf.transpose)(tf.zeros((2, 3, 4), "int64"))


@contextlib.contextmanager
def without_banners():
    """Set standard error aside; forward it at the end, but for the banners.

    They are written by C++ code to file descriptor 2 whatever `TF_CPP_MIN_LOG_LEVEL`
    says, so the descriptor itself is replaced meanwhile.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as said:
        stderr = os.dup(2)
        os.dup2(said.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            said.seek(0)
            for line in said.read().decode(errors="replace").splitlines():
                if line and not _BANNER.match(line):
                    print(line, file=sys.stderr)
