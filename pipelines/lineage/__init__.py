"""What was made from what: told while a run goes on (`recording`), and found again afterwards, back and forth."""
