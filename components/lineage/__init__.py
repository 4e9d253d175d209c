"""What happens in a run, as OpenLineage events: written by the runner here, and by each step on a cluster."""
