"""The step report: one page about the whole run, for the dashboard."""
