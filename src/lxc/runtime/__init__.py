"""What is done with a container: `plans` decide; `starting`, `life`, `attaching`, `disk` do it; `client` asks who does."""
