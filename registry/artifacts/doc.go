// Package artifacts stores the files of runs and model versions: model files,
// plots, reports, data set manifests. There are two homes for them, a directory
// on disk (Disk) and a bucket of an S3-compatible object store (S3); Open
// chooses by the form of the root. Both pass the same conformance suite.
//
// Words: a path names one artifact or one directory below the root, with slashes
// and relative to it ("3/9f0c/artifacts/model/model.json"); the empty path is the
// root. Clean says which paths are acceptable.
//
// Promises:
//
//   - Nothing outside the root is ever read or written, whatever the path and
//     whatever symbolic links stand below the root.
//   - Put is all or nothing: a reader sees the whole new artifact, or what was
//     there before. On disk the bytes and the directory entry are synced before
//     Put returns; on S3 the object exists once the store has acknowledged it.
//   - The root itself cannot be deleted.
//   - An artifact that is being read stays as it was opened: if it is replaced
//     meanwhile, the reader gets the old bytes (disk) or an error (S3), never a
//     mixture.
//
// What differs: on disk a file cannot have the path of a directory and the other
// way round; an object store allows both side by side, so nothing should rely on
// either. Percent decoding, MIME types and permissions belong to the HTTP layer.
//
// This package is the only one that imports the AWS SDK.
package artifacts
