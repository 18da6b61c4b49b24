"""Tables on the screen."""


def table_console():
    """The console of tables on stdout, as `rich.console.Console`.

    Names of files and languages are no markup. In a file or a pipe a table is not
    squeezed into the width of a terminal.
    """
    from rich.console import Console

    return Console(width=None if Console().is_terminal else 120, markup=False)


def print_table(console, title, names, rows):
    """Print a table, the first column to the left, all others to the right.

    Args:
        console: `rich.console.Console`.
        title: str.
        names: list of str, of the columns.
        rows: iterable of lists of str.
    """
    from rich.table import Table

    table = Table(title=title)
    for number, name in enumerate(names):
        # Names of files are broken up, not cut off.
        how = {"justify": "right"} if number else {"overflow": "fold"}
        table.add_column(name, **how)
    for row in rows:
        table.add_row(*row)
    console.print(table)
