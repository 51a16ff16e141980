"""Data sets that list or load badly; a healthy method is shown each."""

from __future__ import annotations

from zoo_keeper import Specimen

__all__ = ["LISTS", "LOADS"]

#: Nothing can be measured on these; one line says why. ``fields`` is the beginning of ``index``.
LISTS = [
    Specimen("list_raises", "Raises when it lists", "OSError: boom",
             fields="raise OSError('boom')"),
    Specimen("list_exits", "Exits when it lists", "SystemExit", fields="raise SystemExit(0)"),
    Specimen("list_none", "Lists nothing", "no case|NoneType", fields="return None"),
    Specimen("list_empty", "Lists no case", "has no case", fields="return []"),
    Specimen("list_text", "Lists text", "no CaseInfo", fields="return ['a', 'b']"),
    Specimen("list_twice", "Lists a case twice", "more than once: a",
             fields="return [CaseInfo('t', 'train')] + [CaseInfo('a', 'test')] * 2"),
    Specimen("list_up", "Lists a case ../../x", "cannot be a case id",
             fields="return [CaseInfo('../../x', 'test')]"),
    Specimen("list_absolute", "Lists a case /etc/passwd", "cannot be a case id",
             fields="return [CaseInfo('/etc/passwd', 'test')]"),
    Specimen("list_null", "Lists a case with a null byte", "cannot be a case id",
             fields=r"return [CaseInfo('a\x00b', 'test')]"),
    Specimen("list_long", "Lists a case of 1000 letters", "cannot be a case id",
             fields="return [CaseInfo('a' * 1000, 'test')]"),
    Specimen("list_number", "Lists a case 7", "not text", fields="return [CaseInfo(7, 'test')]"),
    Specimen("list_role", "Lists a case of no role", "no such role",
             fields="return [CaseInfo('a', 'boss')]"),
    Specimen("list_attribute", "Lists an attribute that is a list", "Attribute",
             fields="return [CaseInfo('a', 'test', attributes={'site': []})]"),
]  # fmt: skip

#: Each costs case b. ``load`` stands in ``load``, where ``labels`` and ``image`` are made.
LOADS = [
    Specimen("load_raises", "Raises for a case", "OSError: boom",
             load="if case_id == 'b':\n    raise OSError('boom')"),
    Specimen("load_exits", "Exits for a case", "SystemExit",
             load="if case_id == 'b':\n    raise SystemExit(3)"),
    Specimen("load_none", "Gives nothing", "NoneType",
             load="if case_id == 'b':\n    return None"),
    Specimen("load_other", "Gives another case than asked for", "gave case 'a'",
             load="if case_id == 'b':\n    case_id = 'a'"),
    Specimen("load_shape", "Gives a reference of another shape", r"reference has shape",
             load="if case_id == 'b':\n    labels = labels[:, 1:]"),
    Specimen("load_label", "Gives a label 9", "not canonical",
             load="if case_id == 'b':\n    labels = labels * 3"),
    Specimen("load_floats", "Gives labels as floats", "Labels are integers",
             load="if case_id == 'b':\n    labels = labels / 2"),
    Specimen("load_nan", "Gives an image with NaN", "NaN or infinite",
             load="if case_id == 'b':\n    image = image * np.nan"),
    Specimen("load_objects", "Gives an image of objects", "real numbers",
             load="if case_id == 'b':\n    image = image.astype(object)"),
    Specimen("load_mute", "Raises what cannot speak", "Mute",
             head="class Mute(Exception):\n    def __str__(self):\n        raise RuntimeError\n",
             load="if case_id == 'b':\n    raise Mute"),
    Specimen("load_paints", "Raises with escapes and line ends in its message", "red",
             load=r"if case_id == 'b': raise OSError('\x1b[31mred\x1b[0m' + '\nerror: fake')"),
]  # fmt: skip
