"""`python -m xlm_tf.cli` is the same as `xlm-tf`."""

import sys

from xlm_tf.cli import main

sys.exit(main())
