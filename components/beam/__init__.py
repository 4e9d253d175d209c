"""How steps use Apache Beam: who runs a job, what its workers read, and where they meet the step."""
