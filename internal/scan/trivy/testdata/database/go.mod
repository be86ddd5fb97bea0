// A module of its own, so that what only this test needs is no part of what is delivered.
module github.com/sluice-ci/sluice/internal/scan/trivy/testdata/database

go 1.26.0

require go.etcd.io/bbolt v1.5.0

require golang.org/x/sys v0.45.0 // indirect
