"""What there is: names (`listing`), rows about each (`inventory`, `running`), and containers in containers (`nested`)."""
