"""What holds for every test."""

import signal

# A test run in the background inherits SIGINT as ignored, and would hand that on to the programs it interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)
