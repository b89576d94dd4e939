"""The figures, tables, plots and page of an evaluation."""
