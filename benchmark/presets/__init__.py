"""Other evaluators' numbers, their faults included, so that published tables can be compared.

A preset is reproduced from its evaluator's published code and needs none of it installed. Its
numbers are never ours: they stand beside ours, under the evaluator's own names, with what is wrong
with each::

    from benchmark.presets import beside, preset

    for row in beside(preset("emidec-official"), reference, prediction, spacing):
        print(row.name, row.theirs, row.ours, row.why)
"""

from .beside import Row, beside
from .definition import Preset, Quantity, Value
from .listing import preset, presets
from .summary import Difference, Measured, differences, read_summary
from .written import PresetTable

__all__ = [
    "Difference",
    "Measured",
    "Preset",
    "PresetTable",
    "Quantity",
    "Row",
    "Value",
    "beside",
    "differences",
    "preset",
    "presets",
    "read_summary",
]
