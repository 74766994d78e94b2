"""`make bench`: our commands beside other runtimes', on the same root, in one run.

__main__   what is asked for; has each layout measured, prints, keeps the numbers, draws
host       a host of the benchmark's own, of either layout of control groups
session    runs there: probes the sides, takes the samples of each group of rows
sides      the runtimes, and what each calls start, stop …
timing     one command's duration; a round of samples
life, many, growth, interface, reading, copying      the groups of rows
results    the numbers, as they are kept
phases     of a start, from traces
report, aims, plots      what is made of the numbers
floor.c    the system calls that a container takes, and nothing else
"""
