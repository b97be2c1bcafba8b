# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""The API as protoc makes it, for what the clients do not offer; see ../../generate_stubs."""
