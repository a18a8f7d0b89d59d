"""The measurements of bench/cluster-side-by-side, one file each: a function that is given a running cluster of either system and notes its figures."""
