"""Methods that do badly within Python: what they raise, return, print and change."""

from __future__ import annotations

from zoo_keeper import Specimen

__all__ = ["ANSWERS", "BROKEN", "HARMLESS", "SPITEFUL"]

_LAZY = "class Lazy:\n    def __array__(self, *a, **k):\n        raise OSError('evil __array__')"

#: Each costs case b, and no other.
ANSWERS = [
    # -- raises
    Specimen("raises", "Raises ValueError", "ValueError: boom", "raise ValueError('boom')"),
    Specimen("exits", "Calls sys.exit", "SystemExit: 7", "sys.exit(7)"),
    Specimen("recurses", "Recurses without end", "RecursionError",
             "def deeper(): return deeper()\ndeeper()"),
    Specimen("starves", "Asks for a petabyte", "MemoryError|Unable to allocate",
             "np.zeros(10**15, dtype=np.uint8) + 1"),
    Specimen("mute", "Raises an exception whose __str__ raises", "Mute",
             "raise Mute()",
             "class Mute(Exception):\n    def __str__(self):\n        raise RuntimeError('no')\n"
             "    __repr__ = __str__"),
    Specimen("unpicklable", "Raises an exception that cannot be pickled", "Kept: held",
             "raise Kept('held', lambda: 0)",
             "class Kept(Exception):\n    def __init__(self, text, extra):\n"
             "        super().__init__(text)\n        self.extra = extra\n"
             "    def __reduce__(self):\n        raise TypeError('never')"),
    Specimen("shouts", "Raises with a message of 100 MB", "ValueError: xxxx",
             "raise ValueError('x' * 100_000_000)"),
    Specimen("paints", "Raises with ANSI escapes and line ends in its message", "ValueError: .*red",
             r"raise ValueError('\x1b[31mred\x1b[0m\nerror: fake line\r\x07over\u2028\u202e')"),
    Specimen("surrogates", "Raises with what is no Unicode in its message", "ValueError: half",
             r"raise ValueError('half \udc80 \ud800')"),
    Specimen("nulls", "Raises with null bytes in its message", "ValueError: nul",
             r"raise ValueError('nul\x00l')"),
    Specimen("group", "Raises a group of 1000 exceptions", "ExceptionGroup",
             "raise ExceptionGroup('many', [ValueError(str(i)) for i in range(1000)])"),
    Specimen("circles", "Raises an exception that is its own cause", "ValueError: self",
             "error = ValueError('self')\nerror.__cause__ = error\nraise error"),
    Specimen("chains", "Raises at the end of 2000 causes", "ValueError: 1999",
             "error = None\nfor i in range(2000):\n    new = ValueError(str(i))\n"
             "    new.__cause__ = error\n    error = new\nraise error"),
    Specimen("poses", "Raises our own error with no text in it", "1 None",
             "raise DataError(1, None)"),
    Specimen("overrules", "Raises UsageError, which ends a command", "no such option",
             "raise UsageError('no such option')"),
    Specimen("notes", "Adds a note of 20 MB to our own error", "too many notes",
             "error = DataError('too many notes.')\nerror.add_note('n' * 20_000_000)\nraise error"),
    Specimen("abstains", "Gives no answer, with escapes in the reason", "no heart",
             r"raise NoPredictionError('\x1b[2Jno\nheart')", status="no_prediction"),
    # -- returns
    Specimen("nothing", "Returns None", "returned NoneType", "return None"),
    Specimen("array", "Returns a bare array", "returned ndarray", "return labels"),
    Specimen("text", "Returns text", "returned str", "return 'scar'"),
    Specimen("claims_class", "Returns an object that claims to be a Segmentation", "Claims",
             "return Claims()",
             "class Claims:\n    @property\n    def __class__(self):\n        return Segmentation\n"
             "    labels = None\n    contours = ()\n    probabilities = None"),
    Specimen("shape", "Returns another shape", r"shape \(2, 12, 11\)",
             "return Segmentation(labels[:, :, 1:])"),
    Specimen("flat", "Returns one slice", r"have shape \(12, 12\)",
             "return Segmentation(labels[0])"),
    Specimen("floats", "Returns labels as floats", "Labels are integers",
             "return Segmentation(labels.astype(float))"),
    Specimen("nans", "Returns NaN", "Labels are integers",
             "return Segmentation(np.full(labels.shape, np.nan))"),
    Specimen("seven", "Returns label 7", r"\[7\] are not canonical",
             "return Segmentation(labels + 4)"),
    Specimen("negative", "Returns label -1", r"\[-1\] are not canonical",
             "return Segmentation(labels.astype(np.int8) - np.int8(1))"),
    Specimen("objects", "Returns an array of objects", "Labels are integers",
             "return Segmentation(labels.astype(object))"),
    Specimen("records", "Returns a structured array", "Labels are integers",
             "return Segmentation(labels.view([('x', np.uint8)]))"),
    Specimen("lazy", "Returns an object that breaks when it is looked at", "evil __array__",
             "return Segmentation(Lazy())", _LAZY),
    Specimen("huge", "Returns two gigavoxels that take no memory", r"shape \(2000, 1000, 1000\)",
             "return Segmentation(np.broadcast_to(np.uint8(0), (2000, 1000, 1000)))"),
    Specimen("forged", "Returns a Segmentation whose checks were passed by", "Labels are integers",
             "made = Segmentation(labels)\nobject.__setattr__(made, 'labels', labels * 0.5)\n"
             "return made"),
    Specimen("shifty", "Returns labels that are others at the second look", "not canonical",
             "made = Shifty(labels)\nShifty.looks = 0\nreturn made",
             "class Shifty(Segmentation):\n    looks = -1000\n"
             "    def __getattribute__(self, name):\n"
             "        value = super().__getattribute__(name)\n"
             "        if name != 'labels' or value is None:\n            return value\n"
             "        Shifty.looks += 1\n"
             "        return value if Shifty.looks < 2 else value + 9"),
    Specimen("other_study", "Answers for another, larger study", r"shape \(5, 5, 5\)",
             "return Segmentation(np.zeros((5, 5, 5), np.uint8))"),
    # -- probabilities and contours
    Specimen("beyond_one", "Gives probabilities of 2", "leave \\[0, 1\\]",
             "return Segmentation(labels, probabilities={'scar': labels * 2.0})"),
    Specimen("nan_maps", "Gives probabilities that are NaN", "leave \\[0, 1\\]",
             "return Segmentation(labels, probabilities={'scar': labels * np.nan})"),
    Specimen("map_shape", "Gives probabilities of another shape", "Probabilities of scar",
             "return Segmentation(labels, probabilities={'scar': np.zeros((1, 1, 1))})"),
    Specimen("map_region", "Gives probabilities of a region there is not", "no region",
             "return Segmentation(labels, probabilities={'liver': labels / 3})"),
    Specimen("map_key", "Gives probabilities under a number", "no region|TypeError",
             "return Segmentation(labels, probabilities={1: labels / 3})"),
    Specimen("off_grid", "Draws a contour off the grid", "off its grid|do not fit|outside",
             "return Segmentation(labels, [Contour(0, 'endo', [[1e9, 1], [2, 2], [3, 1]])])"),
    Specimen("far_slice", "Draws a contour in slice 10^30", "do not exist",
             "return Segmentation(labels, [Contour(10**30, 'endo', [[1, 1], [2, 2], [3, 1]])])"),
    Specimen("infinite", "Draws a contour to infinity", "not finite",
             "return Segmentation(labels, [Contour(0, 'endo', [[np.inf, 1], [2, 2], [3, 1]])])"),
    Specimen("two_points", "Draws a contour of two points", "n >= 3",
             "return Segmentation(labels, [Contour(0, 'endo', [[1, 1], [2, 2]])])"),
    Specimen("no_contours", "Gives tuples for contours", "of type Contour",
             "return Segmentation(labels, [(0, 'endo', [[1, 1], [2, 2], [3, 3]])])"),
    # -- changes what it is given
    Specimen("scribbles", "Writes into the image it was given", "read-only",
             "image[...] = 0"),
    Specimen("renames", "Writes into the study's attributes", "mappingproxy",
             "study.attributes['patient'] = 'x'"),
    Specimen("swaps", "Puts another image into the study", "mappingproxy",
             "study.images['lge'] = None"),
    Specimen("thaws", "Changes the id of the frozen study", "FrozenInstance",
             "study.id = '../x'"),
    Specimen("missing_package", "Imports a package that is not there when asked",
             "No module named 'nobody_has_this'", "import nobody_has_this"),
]  # fmt: skip

#: Strange, and right all the same: each is scored as a healthy answer is.
HARMLESS = [
    Specimen("strided", "Answers with negative strides",
             answer="return Segmentation(labels[::-1].copy()[::-1])"),
    Specimen("fortran", "Answers in column order",
             answer="return Segmentation(np.asfortranarray(labels))"),
    Specimen("big_endian", "Answers in big-endian 64-bit integers",
             answer="return Segmentation(labels.astype('>i8'))"),
    Specimen("mapped_file", "Answers with a memory-mapped file", answer=(
        "import tempfile\nmapped = np.memmap(tempfile.TemporaryFile(), np.uint8, 'w+', 0, "
        "labels.shape)\nmapped[...] = labels\nreturn Segmentation(mapped)")),
    Specimen("subclass", "Answers with a subclass of ndarray that runs code when pickled",
             answer="return Segmentation(labels.view(Evil))",
             head="class Evil(np.ndarray):\n    def __reduce__(self):\n"
                  "        return os.system, ('touch reduced',)"),
]  # fmt: skip

#: Each changes something that others stand on; its own answer is right, or its case is lost.
SPITEFUL = [
    Specimen("warns", "Warns a thousand times", answer=(
        "import warnings\nfor i in range(1000):\n    warnings.warn(f'warning {i}')")),
    Specimen("prints", "Prints 20 MB to stdout", answer="print('p' * 20_000_000)"),
    Specimen("writes_raw", "Writes to file descriptor 1, past sys.stdout",
             answer="os.write(1, b'raw descriptor\\n')"),
    Specimen("writes_error", "Writes to stderr, escapes and all",
             answer=r"sys.stderr.write('\x1b]0;owned\x07 to stderr\n')"),
    Specimen("replaces_stdout", "Replaces and closes sys.stdout",
             answer="sys.stdout.close()\nsys.stdout = None"),
    Specimen("seterr", "Makes NumPy raise on every rounding",
             answer="np.seterr(all='raise')"),
    Specimen("filters", "Makes every warning an error",
             answer="import warnings\nwarnings.simplefilter('error')"),
    Specimen("moves", "Changes the working directory", answer="os.chdir('/')"),
    Specimen("environment", "Empties the environment", answer="os.environ.clear()"),
    Specimen("locale", "Changes locale and time zone", answer=(
        "import locale, time\nos.environ['TZ'] = 'Asia/Kathmandu'\ntime.tzset()\n"
        "locale.setlocale(locale.LC_ALL, 'C')")),
    Specimen("seeds", "Seeds everybody's random numbers",
             answer="import random\nrandom.seed(1)\nnp.random.seed(1)"),
    Specimen("torch_state", "Changes torch's threads, seed and default dtype", answer=(
        "import torch\ntorch.set_num_threads(1)\ntorch.manual_seed(0)\n"
        "torch.set_default_dtype(torch.float64)")),
    Specimen("limits", "Allows recursion a million deep", answer="sys.setrecursionlimit(10**6)"),
    Specimen("umask", "Takes all rights from files made later", answer="os.umask(0o777)"),
    Specimen("signals", "Ignores SIGINT and SIGTERM", answer=(
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)")),
    Specimen("collector", "Turns the garbage collector off",
             answer="import gc\ngc.disable()\ngc.set_threshold(0)"),
    Specimen("hooks", "Installs hooks for exits, exceptions and imports", answer=(
        "import atexit\natexit.register(lambda: print('late'))\n"
        "sys.excepthook = None\nsys.meta_path.append(object())")),
    Specimen("patches_json", "Replaces json.dumps", answer="import json\njson.dumps = None"),
    Specimen("patches_open", "Replaces open", answer="import builtins\nbuiltins.open = None"),
    Specimen("patches_clock", "Sets perf_counter to zero",
             answer="import time\ntime.perf_counter = lambda: 0.0"),
    Specimen("patches_numpy", "Replaces numpy.unique", answer="np.unique = None"),
    Specimen("unlocks", "Makes the read-only image writable, and spoils it", answer=(
        "labels = labels.copy()\nimage.flags.writeable = True\nimage[...] = 0")),
]  # fmt: skip

#: Each fails as a whole; the methods beside it do not.
BROKEN = [
    Specimen("syntax", "Is no Python", "SyntaxError", head="def ("),
    Specimen("import_raises", "Raises when imported", "ZeroDivisionError", head="1 / 0"),
    Specimen("import_exits", "Exits when imported", "SystemExit", head="sys.exit(0)"),
    Specimen("import_missing", "Needs a package that is not there",
             "No module named 'nobody_has_this'", head="import nobody_has_this"),
    Specimen("import_prints", "Prints when imported, then raises with an evil text",
             "cannot be imported",
             head="print('p' * 10_000)\nraise ValueError('\\x1b[31m\\nerror: fake line')"),
    Specimen("two_classes", "Holds two methods", "2 public Method classes",
             head="class Other(Method):\n    def predict(self, study):\n        return None\n"),
    Specimen("default_nan", "Has a parameter whose default is NaN", "x=nan.*own defaults",
             fields="x: float = float('nan')"),
    Specimen("default_raises", "Has a parameter whose default raises", "default",
             head="from pydantic import Field\ndef boom():\n    raise ValueError('default boom')",
             fields="x: int = Field(default_factory=boom)"),
    Specimen("required", "Has a parameter without a default", "x: Field required", fields="x: int"),
    Specimen("unserialisable", "Has a parameter that no record can hold",
             "parameter 'x' of 'unserialisable' cannot be written",
             head="import threading\nfrom typing import Any",
             fields="x: Any = threading.Lock()"),
    Specimen("validator", "Has a validator that raises what it should not", "evil validator",
             head="from pydantic import field_validator",
             fields="x: int = 1\n@field_validator('x')\n@classmethod\ndef _no(cls, value):\n"
                    "    raise KeyError('evil validator')"),
    Specimen("produces_text", "Says that it segments the liver", "'liver', which is no region",
             fields="produces = frozenset({'liver'})"),
    Specimen("produces_raises", "Raises when asked what it segments",
             "cannot say what it produces: OSError: evil",
             fields="@property\ndef produces(self):\n    raise OSError('evil produces')"),
    Specimen("profiles_none", "Has no profiles", "profiles of 'profiles_none' are None",
             fields="profiles = None"),
    Specimen("files_raises", "Raises when asked for its files", "evil files",
             rest="def files(self):\n    raise OSError('evil files')"),
    Specimen("trainer_raises", "Raises when asked who trains it", "evil trainer",
             rest="def trainer(self):\n    raise OSError('evil trainer')"),
    Specimen("trainer_none", "Has no trainer", "is no Method",
             rest="def trainer(self):\n    return None"),
    Specimen("train_raises", "Raises while it trains", "Training 'train_raises' failed.*boom",
             rest="def train(self, cases, context):\n    raise ValueError('boom')"),
    Specimen("train_exits", "Exits while it trains", "Training 'train_exits' failed.*SystemExit",
             rest="def train(self, cases, context):\n    sys.exit(0)"),
    Specimen("train_overrules", "Raises UsageError while it trains", "no such option",
             rest="def train(self, cases, context):\n    raise UsageError('no such option')"),
    Specimen("train_parameters", "Counts its parameters in text", "JSON serializable",
             rest="def train(self, cases, context):\n    pass\n"
                  "def parameter_count(self):\n    return object()"),
    Specimen("train_removes", "Removes its own run folder while it trains",
             "No such file or directory",
             rest="def train(self, cases, context):\n    import shutil\n"
                  "    shutil.rmtree(context.folder.parent)"),
]  # fmt: skip
