// SPDX-License-Identifier: Apache-2.0

// Package settings changes settings of real servers, is killed meanwhile, and looks whether
// they are put back. It holds no code but its tests.
package settings
