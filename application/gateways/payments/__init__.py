"""Card payments: `port` in our words, `sandbox` as a gateway that needs no outside world, `guarded` by a breaker."""
