"""The rules of the architecture, the tables that they read, and tests that each one notices what it forbids."""
