"""Markdown tables that are aligned as plain text too."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Column:
    title: str
    left: bool = False   # texts stand left, numbers right


def table(columns, lines):
    """`lines`: lists of cells, one per column. An empty text where there are none."""
    if not lines:
        return ""
    cells = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    widths = [max(3, len(column.title), *(len(line[i]) for line in cells))
              for i, column in enumerate(columns)]

    def line_of(line):
        return "| " + " | ".join(
            cell.ljust(width) if column.left else cell.rjust(width)
            for cell, column, width in zip(line, columns, widths)) + " |"

    rule = "|" + "|".join(" " + "-" * width + " " if column.left else " " + "-" * (width - 1) + ": "
                          for column, width in zip(columns, widths)) + "|"
    return "\n".join([line_of([column.title for column in columns]), rule, *map(line_of, cells)])
