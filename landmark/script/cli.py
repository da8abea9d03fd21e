"""The command line of every script: help, flags, arguments, exit status.

A script ends with
    0  when everything that was asked for was done,
    3  when it was done, but some inputs were passed over, which were named and counted,
    1  when nothing useful came of it, or it was stopped.
"""

import contextlib
import difflib
import os
import re
import shutil
import sys
import textwrap
import warnings

from absl import flags

from landmark.script.errors import InputError, UsageError
from landmark.script.words import count

PASSED_OVER = 3
_HELP = {"-h", "-help", "-helpshort", "-helpfull", "-?"}
# Not a flag: TensorFlow imports absl.app, which defines one of this name.
_ONLY_CHECK = "--only_check_args"
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
    program = os.path.basename(sys.argv[0])
    required = _take_over_required()
    try:
        if any(word.replace("--", "-") in _HELP for word in sys.argv[1:]):
            print(_help(required, arguments))
            sys.exit(0)
        given = [word for word in sys.argv if word != _ONLY_CHECK]
        words = _parse(given, required, arguments)
        status = main(words) if given == sys.argv else 0
        sys.stdout.flush()
    except UsageError as error:
        usage = _usage(required, arguments)
        sys.exit(f"{program}: {error}\n{usage}; --help explains")
    except BrokenPipeError:  # Whoever reads, as `head` does, has read enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (InputError, OSError) as error:
        sys.exit(f"{program}: {error}")
    except KeyboardInterrupt:
        sys.exit("interrupted")
    sys.exit(status)


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
    """Parses the flags; returns the program's name and its arguments.

    Raises:
        UsageError: a flag is unknown, wrong or missing, or there are arguments that
            the script does not take.
    """
    try:
        words = flags.FLAGS(argv)
    except (flags.Error, ValueError) as error:
        raise UsageError(_explain(error)) from error
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
    return words


def _explain(error):
    """Returns in a sentence what absl found wrong with a flag."""
    if isinstance(error, flags.UnrecognizedFlagError):
        near = difflib.get_close_matches(error.flagname, _own_flags(), 3, 0.6)
        hint = f"; did you mean --{' or --'.join(near)}?" if near else ""
        return f"expected a flag that --help shows, found --{error.flagname}{hint}"
    if isinstance(error, flags.CantOpenFlagFileError):
        return f"--flagfile: {str(error).rpartition('] ')[2]}"
    found = re.fullmatch(r"flag --(\w+)=(.*?): (.*)", str(error), re.DOTALL)
    if not found or found[1] not in flags.FLAGS:
        without_value = str(error).removeprefix("Missing value for flag ")
        if without_value != str(error):
            return f"{without_value}: expected a value, found none"
        return str(error)
    name, value, reason = found.groups()
    if any(validator.message == reason for validator in flags.FLAGS[name].validators):
        return f"--{name}={value}: {reason}"
    return f"--{name}: expected {_kind(flags.FLAGS[name])}, found {value!r}"


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
    name, value = _flag_before(argv, words)
    if _takes_list(name) and value:
        return f"{sentence}; write --{name}={','.join([value, *words])}"
    if missing and (len(words) == 1 or _takes_list(missing[0])):
        return f"{sentence}; write --{missing[0]}={','.join(words)}"
    return sentence


def _flag_before(argv, words):
    """Returns (name, value) of the flag that stands right before the arguments.

    Both are empty where none does: the words come from a flagfile, say.
    """
    place = len(argv) - len(words)
    if argv[place:] != words or place < 2:
        return "", ""
    last = argv[place - 1]
    if last.startswith("-"):
        name, _, value = last.lstrip("-").partition("=")
    else:
        name, value = argv[place - 2], last
        if not name.startswith("-") or "=" in name:
            return "", ""
    return name.lstrip("-"), value.strip(",")


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
    parts = [_usage(required, arguments), sys.modules["__main__"].__doc__.strip()]
    for title, members in groups.items():
        lines = [_describe(name, flag) for name, flag in members.items()]
        parts.append("\n".join([f"{title}:", *lines]))
    parts.append(
        "Flags may also stand in a file, one a line: --flagfile=FILE\n"
        f"{_ONLY_CHECK} checks the flags, and does nothing."
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
    width = min(88, shutil.get_terminal_size().columns) - 6
    return "\n".join([f"  {head}", *(f"      {t}" for t in textwrap.wrap(text, width))])
