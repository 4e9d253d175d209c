"""The type of target `count`: a number of events, learned by Poisson regression."""
