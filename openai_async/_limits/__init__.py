"""Who may send when: the limiter, its wait queues, and the rate limits of each key and scope."""
