"""Tests against real servers and clients: Apache, nginx, curl, Chromium, tshark, OpenSSL. Nothing here is a mock."""
