"""What happens around the steps: validation, alarms, speed, figures, pictures."""
