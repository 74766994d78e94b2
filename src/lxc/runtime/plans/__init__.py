"""What will be done, decided before anything is: pure, printable.  `start` and `attach`; the others are `start`'s parts."""
