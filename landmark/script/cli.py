"""The command line of every script: help, flags, arguments, exit status.

A script ends with
    0  when everything that was asked for was done,
    3  when it was done, but some inputs were passed over, which were named and counted,
    1  when nothing useful came of it, or it was stopped.
"""

import contextlib
import difflib
import math
import os
import re
import shlex
import shutil
import signal
import sys
import textwrap
import warnings

from absl import flags

from landmark.script.errors import InputError, UsageError, find_reason
from landmark.script.words import count

PASSED_OVER = 3
_HELP = {"-h", "-help", "-helpshort", "-helpfull", "-?"}
_ONLY_CHECK = "only_check_args"
_NARROWEST = 40  # What --help needs, however narrow the terminal is.
_group_of = {}  # Name of a flag -> title of its group.


@contextlib.contextmanager
def flag_group(title):
    """Puts the flags that are defined within it under a title of `--help`."""
    before = set(flags.FLAGS)
    yield
    _group_of.update({name: title for name in flags.FLAGS if name not in before})


def run(main, arguments=""):
    """Runs a script: reads its flags, runs its main, and ends with the right status.

    Args:
        main: function of the list of arguments, argv[0] included; it returns the exit
            status, None for 0. Its InputErrors end the script with a sentence.
        arguments: how the usage line shows the arguments: `FROM TO` takes two, `FILE
            ...` one or more, `[FILE ...]` any number; none unless given.
    """
    warnings.formatwarning = lambda message, *_, **__: f"warning: {message}\n"
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # It was closed before we began.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        # Names of files may be no text.
        getattr(sys, name).reconfigure(errors="backslashreplace")
    # What schedulers and containers send: it is cut short as by Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    program = os.path.basename(sys.argv[0])
    required = _take_over_required()
    try:
        if any(word.replace("--", "-") in _HELP for word in sys.argv[1:]):
            print(_help(required, arguments))
            sys.exit(0)
        words, only_check = _parse(sys.argv, required, arguments)
        status = 0 if only_check else main(words)
        sys.stdout.flush()
    except UsageError as error:
        usage = _usage(required, arguments)
        sys.exit(f"{program}: {error}\n{usage}; --help explains")
    except BrokenPipeError:  # Whoever reads, as `head` does, has read enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit("interrupted")
    except (InputError, OSError) as error:
        sys.exit(f"{program}: {error}")
    except _tensorflow_error() as error:  # A full disk, above all.
        sys.exit(f"{program}: TensorFlow: {find_reason(error.message)}")
    sys.exit(status)


def _tensorflow_error():
    """Returns the class of TensorFlow's errors; none where it is not loaded."""
    module = sys.modules.get("tensorflow.python.framework.errors_impl")
    return getattr(module, "OpError", ())


def _own_flags():
    """Returns name -> flag of the script, in the order of their definition."""
    own = set()
    for module, defined in flags.FLAGS.flags_by_module_dict().items():
        if not module.startswith("absl."):
            own.update(flag.name for flag in defined)
    return {name: flags.FLAGS[name] for name in flags.FLAGS if name in own}


def _take_over_required():
    """Returns the names of required flags, which from here on absl does not check.

    Of several that are missing it would name one, and look at no argument.
    """
    required = []
    for name, flag in _own_flags().items():
        if flag.default is None:
            refusing = [v for v in flag.validators if not v.checker(None)]
            for validator in refusing:
                flag.validators.remove(validator)
            required += [name] * bool(refusing)
    return required


def _parse(argv, required, arguments):
    """Parses the flags.

    Returns:
        (the program's name and its arguments, whether only flags are to be checked).

    Raises:
        UsageError: a flag is unknown, wrong or missing, or there are arguments that
            the script does not take.
    """
    words, only_check = _parse_flags(argv)
    missing = [name for name in required if flags.FLAGS[name].value is None]
    if len(words) > 1 and not arguments:
        raise UsageError(_explain_arguments(argv, words[1:], missing))
    if missing:
        raise UsageError(f"expected --{', --'.join(missing)}, found none")
    wanted = arguments.split()
    if not arguments.startswith("["):
        is_right = len(words) > 1 if "..." in wanted else len(words) == 1 + len(wanted)
        if not is_right:
            found = count(len(words) - 1, "argument")
            raise UsageError(f"expected {arguments}, found {found}")
    return words, only_check


def _parse_flags(argv):
    """Returns (the program's name and its arguments, value of --only_check_args).

    That flag is there only meanwhile: TensorFlow imports absl.app, which defines one of
    this name.
    """
    flags.DEFINE_boolean(_ONLY_CHECK, False, "Do nothing.", allow_override=True)
    try:
        words = flags.FLAGS(argv)
        _require_finite()
        return words, flags.FLAGS[_ONLY_CHECK].value
    except (flags.Error, ValueError) as error:
        _require_finite()  # It is the reason where a validator refuses it.
        raise UsageError(_explain(error)) from error
    finally:
        delattr(flags.FLAGS, _ONLY_CHECK)


def _require_finite():
    """Refuses nan and inf, which no bound of absl's does, as the value of a flag."""
    for name, flag in _own_flags().items():
        if isinstance(flag.value, float) and not math.isfinite(flag.value):
            raise UsageError(f"--{name}: expected a number, found '{flag.value}'")


def _explain(error):
    """Returns in a sentence what absl found wrong with a flag."""
    text, cause = str(error), error.__context__
    if isinstance(error, flags.UnrecognizedFlagError):
        near = _similar_flags(error.flagname)
        hint = f"; did you mean --{' or --'.join(near)}?" if near else ""
        return f"expected a flag that --help shows, found --{error.flagname}{hint}"
    if isinstance(error, flags.CantOpenFlagFileError):
        return f"--flagfile: {_explain_unreadable(cause)}"
    if isinstance(error, UnicodeDecodeError):
        return f"--flagfile: expected a text file, found: {error}"
    without_value = re.fullmatch(
        r"Missing value for flag (\S+)|(\S+) with no argument", text
    )
    if without_value:
        name = without_value[1] or without_value[2]
        return f"{name}: expected a value, found none"
    with_value = re.fullmatch(r"(--?\w+)=(.*) does not take an argument", text)
    if with_value:
        return f"{with_value[1]}: expected no value, found {with_value[2]!r}"
    found = re.match(r"flag --(\w+)=", text)
    if not found or found[1] not in flags.FLAGS:
        return text
    flag = flags.FLAGS[found[1]]
    for validator in flag.validators:
        if text.endswith(f": {validator.message}"):
            value = ",".join(flag.value) if _takes_list(flag.name) else flag.value
            return f"--{flag.name}={value}: {validator.message}"
    value = text[found.end() :].removesuffix(f": {cause}")
    return f"--{flag.name}: expected {_kind(flag)}, found {value!r}"


def _similar_flags(name):
    """Returns the flags that may be meant, three at most; beginnings come first."""
    own = list(_own_flags())
    begun = [other for other in own if other.startswith(name)]
    near = difflib.get_close_matches(name, own, 3, 0.6)
    return list(dict.fromkeys([*begun, *near]))[:3]


def _explain_unreadable(error):
    """Returns in a sentence why a file could not be opened."""
    if isinstance(error, FileNotFoundError):
        return f"{error.filename}: expected a file, found none"
    return f"{error.filename}: expected a file to read, found: {error.strerror}"


def _kind(flag):
    """Returns what values a flag takes, in words."""
    choices = getattr(flag.parser, "enum_values", None)
    if choices:
        return f"one of {', '.join(choices)}"
    if flag.boolean:
        return "true or false"
    kind = flag.parser.syntactic_help or "a value"
    return kind.replace("integer >", "an integer >").replace("number >", "a number >")


def _explain_arguments(argv, words, missing):
    """Returns in a sentence what to write instead of arguments.

    Args:
        argv: the whole command line.
        words: its arguments.
        missing: names of the flags that were to be given.
    """
    sentence = f"expected only flags, found: {' '.join(words)}"
    name, value = _list_flag_before(argv, words)
    if name:
        return f"{sentence}; write --{name}={_join([value, *words])}"
    if missing and (_takes_list(missing[0]) or len(words) == len(missing) == 1):
        return f"{sentence}; write --{missing[0]}={_join(words)}"
    return sentence


def _join(words):
    """Returns words as the value of a flag, as a shell takes it."""
    return shlex.quote(",".join(words))


def _list_flag_before(argv, words):
    """Returns (name, value) of the flag of a list that stands before the arguments.

    Both are empty where none does: the words come from a flagfile, say.
    """
    for place in range(2, len(argv) - len(words) + 1):
        if argv[place : place + len(words)] == words:
            name, value = _flag_at(argv, place - 1)
            if value and _takes_list(name):
                return name, value
    return "", ""


def _flag_at(argv, place):
    """Returns (name, value) of the flag that ends at a place of the command line."""
    last = argv[place]
    if last.startswith("-"):
        name, _, value = last.lstrip("-").partition("=")
        return name, value.strip(",")
    name = argv[place - 1]
    is_flag = name.startswith("-") and "=" not in name
    return (name.lstrip("-"), last.strip(",")) if is_flag else ("", "")


def _takes_list(name):
    return name in flags.FLAGS and isinstance(
        flags.FLAGS[name].parser, flags.ListParser
    )


def _usage(required, arguments):
    """Returns the usage line."""
    spec = sys.modules["__main__"].__spec__
    program = f"-m {spec.name}" if spec else sys.argv[0]
    words = [arguments] if arguments else []
    words += [f"--{name}=..." for name in required]
    return f"usage: python {program} {' '.join([*words, '[flags]'])}"


def _help(required, arguments):
    """Returns what --help prints: usage, docstring, flags in groups."""
    groups = {"Required": {}} if required else {}
    own = _own_flags()
    # The script's own groups come before those that it shares with others.
    module_of = flags.FLAGS.find_module_defining_flag
    for name in sorted(own, key=lambda name: module_of(name).startswith("landmark.")):
        flag = own[name]
        title = "Required" if name in required else _group_of.get(name, "Flags")
        groups.setdefault(title, {})[name] = flag
    parts = [_usage(required, arguments)]
    if told := sys.modules["__main__"].__doc__:  # `python -OO` leaves it out.
        parts.append(told.strip())
    for title, members in groups.items():
        lines = [_describe(name, flag) for name, flag in members.items()]
        parts.append("\n".join([f"{title}:", *lines]))
    parts.append(
        "Flags may also stand in a file, one a line: --flagfile=FILE\n"
        f"--{_ONLY_CHECK} checks the flags, and does nothing."
    )
    return "\n\n".join(parts)


def _describe(name, flag):
    """Returns the lines of --help for a flag: with its default, and what it means."""
    default = "" if flag.default is None else flag.default_as_str.strip("'")
    head = f"--[no]{name} ({default})" if flag.boolean else f"--{name}={default}"
    # Absl puts the choices before the help.
    text = flag.help
    if hasattr(flag.parser, "enum_values"):
        choices, _, text = flag.help.partition(">: ")
        text = f"{text} One of {', '.join(flag.parser.enum_values)}."
    elif isinstance(flag.parser, flags.ListParser):
        text = f"{text} Several with commas between them."
    columns = shutil.get_terminal_size().columns
    width = min(88, max(_NARROWEST, columns)) - 6
    return "\n".join([f"  {head}", *(f"      {t}" for t in textwrap.wrap(text, width))])
