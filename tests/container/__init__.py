"""Tests of lcodec.container."""
