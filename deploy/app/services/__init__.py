"""The services of the AIC AI platform; the environment variable ROLE says which one a process is."""
