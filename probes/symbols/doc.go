// SPDX-License-Identifier: Apache-2.0

// Package symbols finds functions and variables of an executable or a library
// by their exact, mangled names. A server with 81,000 exported symbols costs a
// few page reads for each name, because the loader's own hash table is asked.
//
// These sources are asked in order, the later ones only for names that the
// earlier ones lack:
//
//   - .dynsym, through .gnu.hash or the older DT_HASH, else by a search
//   - .symtab
//   - the separate debug file that has the same build-id, or that
//     .gnu_debuglink names and whose checksum is right
//   - a symbol file: the compressed output of nm that Debian's mariadb-server
//     ships. It carries no build-id, so it is used only if at least 95 of 100
//     names that .dynsym defines are in it, 64 or more, and every one of them
//     has the same address in both. Another source or another compiler moves
//     nearly every function, so a file that passes describes the same layout.
//
// What had to be searched is kept in a small file, if a folder is given for it
// ([Options.CacheDir]), so that the next start finds it there.
//
// Clones that compilers make, such as NAME.cold or NAME.constprop.0, are never
// taken for NAME: they are parts of it, or take other arguments. Indirect
// functions (STT_GNU_IFUNC) are refused too: their address is that of the code
// that chooses an implementation.
//
// Every size that a file states is checked before memory is taken or a loop
// begun. The package opens files only through [Options.Open], never attaches a
// probe and never reads the memory of a process.
package symbols
