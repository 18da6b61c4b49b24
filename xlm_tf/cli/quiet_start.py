"""TensorFlow's start without its banners."""

import os
import re
import sys
import tempfile

# Lines of information, the notice of the logging library, and what a machine without
# a GPU says about it.
_BANNER = re.compile(
    r"I0000 |WARNING: All log messages before absl::InitializeLog|.*"
    r"(To enable the following instructions|failed call to cuInit|"
    r"Could not find cuda drivers|oneDNN supports DT_INT64)"
)


def start_tensorflow():
    """Import TensorFlow and wake its devices; forward what it says but the banners.

    They are written by C++ code to file descriptor 2 whatever `TF_CPP_MIN_LOG_LEVEL`
    says, so the descriptor itself is set aside meanwhile.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    sys.stderr.flush()
    with tempfile.TemporaryFile() as said:
        stderr = os.dup(2)
        os.dup2(said.fileno(), 2)
        try:
            import tensorflow as tf
            import tensorflow_text  # noqa: F401

            tf.reduce_sum(tf.zeros((4,), "int64"))
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            said.seek(0)
            for line in said.read().decode(errors="replace").splitlines():
                if line and not _BANNER.match(line):
                    print(line, file=sys.stderr)
