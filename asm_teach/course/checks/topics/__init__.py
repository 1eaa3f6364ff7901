"""What an exercise of one topic asks for, the right values, and the slips that the topic invites."""
