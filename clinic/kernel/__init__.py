"""The lowest floor: time, money, the database's doors and the errors people can answer."""
