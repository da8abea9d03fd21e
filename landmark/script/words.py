"""Numbers and tables as a person writes them."""

import re


def count(number, noun, plural=None):
    """Returns the number with its noun: `1 photo`, `2 photos`, `2 patches`."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"


def format_table(header, rows):
    """Returns a table as text: columns as wide as they must be, the last one left.

    Args:
        header: the columns' headings, str.
        rows: lists of as many cells, str.

    Returns:
        str of lines; columns stand two spaces apart and are aligned to the right, but
        for the last one, which may be long.
    """
    lines = [list(header), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join([*map(str.rjust, line[:-1], widths), line[-1]]) for line in lines
    )


def format_markdown(header, rows):
    """Returns a table in Markdown, the first column to the left; as `format_table`."""
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    cells = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def format_latex(header, rows):
    """Returns a table in LaTeX, for the package booktabs; as `format_markdown`."""
    head, *body = (
        " & ".join(re.sub(r"([%&#_$])", r"\\\1", cell) for cell in line) + r" \\"
        for line in [header, *rows]
    )
    columns = "l" + "r" * (len(header) - 1)
    lines = [r"\toprule", head, r"\midrule", *body, r"\bottomrule"]
    inside = "\n".join(lines)
    return f"\\begin{{tabular}}{{{columns}}}\n{inside}\n\\end{{tabular}}\n"
