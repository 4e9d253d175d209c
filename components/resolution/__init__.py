"""The step resolve: what a run goes by, so that KFP's cache knows what is the same as before."""
