"""The step summarise: how a run ended, for its page on the dashboard, also when it failed."""
