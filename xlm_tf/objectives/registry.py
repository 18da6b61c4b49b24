"""The objectives by the names that recipes give them: a new one is a line here."""

from xlm_tf.objectives.back_translation import BackTranslation
from xlm_tf.objectives.clm import CausalLanguageModelling
from xlm_tf.objectives.denoising import DenoisingAutoEncoding
from xlm_tf.objectives.infilling import TextInfilling
from xlm_tf.objectives.mlm import MaskedLanguageModelling
from xlm_tf.objectives.pc import ParallelClassification
from xlm_tf.objectives.tlm import TranslationLanguageModelling
from xlm_tf.objectives.translation import MachineTranslation

# In the order of their evaluation; a new one comes last, so that the seeds of the
# others stay.
OBJECTIVES = {
    "mlm": MaskedLanguageModelling,
    "tlm": TranslationLanguageModelling,
    "clm": CausalLanguageModelling,
    "pc": ParallelClassification,
    "dae": DenoisingAutoEncoding,
    "infilling": TextInfilling,
    "mt": MachineTranslation,
    "bt": BackTranslation,
}
