// SPDX-License-Identifier: Apache-2.0

// Package browser drives a Chromium without a screen, for tests of pages: it opens
// one at a size, tells what the browser complains of, and asks the page.
//
// It speaks the Chrome DevTools Protocol over a pipe: messages of JSON, each ended
// by a zero byte, on the descriptors 3 and 4.
package browser
