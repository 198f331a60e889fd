package artifacts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"sort"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"golang.org/x/sync/errgroup"
)

const (
	defaultRegion = "us-east-1"

	// partSize and partsAtOnce bound the memory of one Put to 40 MiB; with 10,000
	// parts, the most S3 allows, one artifact may have 80 GB.
	partSize    = 8 << 20
	partsAtOnce = 4

	// deletesAtOnce is how many objects of a directory are deleted in parallel.
	// Objects are deleted one by one because not every S3-compatible store has
	// the call for many.
	deletesAtOnce = 8
)

// bucketName follows the naming rules of S3 for general purpose buckets.
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

var errReplaced = errors.New("it was replaced while it was being read; open it again")

// S3 keeps artifacts as objects below a prefix of a bucket, on AWS or any store
// that speaks its protocol.
type S3 struct {
	client *s3.Client
	upload func(context.Context, *s3.PutObjectInput) error
	bucket string
	prefix string // "" or ends in a slash
}

var _ Store = (*S3)(nil)

// OpenS3 makes a store on "s3://bucket/prefix". Credentials come from where the
// AWS SDK looks for them (AWS_ACCESS_KEY_ID and the like, profiles, roles); no
// request is made yet.
//
// Checksums are sent and checked only where the protocol requires them: several
// compatible stores refuse the trailers that the SDK would add by default.
func OpenS3(ctx context.Context, root string, opts Options) (*S3, error) {
	bucket, prefix, err := parseS3Root(root)
	if err != nil {
		return nil, err
	}
	if err := checkEndpoint(opts.S3Endpoint); err != nil {
		return nil, err
	}
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithRequestChecksumCalculation(aws.RequestChecksumCalculationWhenRequired),
		config.WithResponseChecksumValidation(aws.ResponseChecksumValidationWhenRequired))
	if err != nil {
		return nil, fmt.Errorf("artifact root %q: read AWS configuration: %w", root, err)
	}
	if opts.S3Region != "" {
		cfg.Region = opts.S3Region
	}
	if cfg.Region == "" {
		cfg.Region = defaultRegion
	}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		if opts.S3Endpoint != "" {
			o.BaseEndpoint = aws.String(opts.S3Endpoint)
			o.UsePathStyle = true
		}
	})
	return &S3{client: client, upload: uploader(client), bucket: bucket, prefix: prefix}, nil
}

// uploader returns what uploads an object, in parts if it is larger than one part.
//
//nolint:staticcheck // deprecated in favour of feature/s3/transfermanager; works alike, so the change waits until that is a dependency
func uploader(client *s3.Client) func(context.Context, *s3.PutObjectInput) error {
	up := manager.NewUploader(client, func(u *manager.Uploader) {
		u.PartSize = partSize
		u.Concurrency = partsAtOnce
		u.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	})
	return func(ctx context.Context, in *s3.PutObjectInput) error {
		_, err := up.Upload(ctx, in)
		return err
	}
}

// parseS3Root splits an s3 URL into bucket and prefix; the prefix passes Clean.
func parseS3Root(root string) (bucket, prefix string, err error) {
	rest, ok := strings.CutPrefix(root, "s3://")
	if !ok || strings.ContainsAny(rest, "?#") {
		return "", "", fmt.Errorf("artifact root %q: the form is s3://bucket/prefix, without query or fragment", root)
	}
	bucket, prefix, _ = strings.Cut(rest, "/")
	if !bucketName.MatchString(bucket) {
		return "", "", fmt.Errorf("artifact root %q: %q is no bucket name (3 to 63 of a-z, 0-9, dot and hyphen)", root, bucket)
	}
	prefix, err = Clean(prefix)
	if err != nil {
		return "", "", fmt.Errorf("artifact root %q: %w", root, err)
	}
	if prefix != "" {
		prefix += "/"
	}
	return bucket, prefix, nil
}

func checkEndpoint(endpoint string) error {
	if endpoint == "" {
		return nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("MLFLOW_S3_ENDPOINT_URL %q: want a URL such as https://minio.example:9000", endpoint)
	}
	return nil
}

// Root returns the root as an s3 URL.
func (s *S3) Root() string {
	return strings.TrimSuffix("s3://"+s.bucket+"/"+s.prefix, "/")
}

// Close does nothing: the client holds only idle connections.
func (s *S3) Close() error { return nil }

// List returns the entries below dir. A name that is both object and directory,
// which an object store allows, is shown once, as a directory.
func (s *S3) List(ctx context.Context, dir string) ([]Entry, error) {
	clean, err := Clean(dir)
	if err != nil {
		return nil, err
	}
	under := s.prefix
	if clean != "" {
		under += clean + "/"
	}
	var out []Entry
	seen := make(map[string]bool)
	pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{
		Bucket: aws.String(s.bucket), Prefix: aws.String(under), Delimiter: aws.String("/"),
	})
	var files []Entry
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, s.wrap("list artifacts", clean, err)
		}
		for _, p := range page.CommonPrefixes {
			name := strings.TrimSuffix(strings.TrimPrefix(aws.ToString(p.Prefix), under), "/")
			if reachable(name) && !seen[name] {
				seen[name] = true
				out = append(out, Entry{Path: name, IsDir: true})
			}
		}
		for _, o := range page.Contents {
			// An object named like the directory with a slash is a marker that
			// some tools leave; its name here is empty and so not reachable.
			if name := strings.TrimPrefix(aws.ToString(o.Key), under); reachable(name) {
				files = append(files, Entry{Path: name, Size: aws.ToInt64(o.Size)})
			}
		}
	}
	for _, f := range files {
		if !seen[f.Path] {
			out = append(out, f)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Path < out[j].Path })
	return out, nil
}

// Open asks for the object's size and version; its bytes are fetched as they
// are read, from wherever the reader was moved to.
func (s *S3) Open(ctx context.Context, p string) (io.ReadCloser, Info, error) {
	clean, err := cleanFile(p)
	if err != nil {
		return nil, Info{}, err
	}
	key := s.prefix + clean
	head, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String(s.bucket), Key: aws.String(key)})
	if err != nil {
		return nil, Info{}, s.wrap("open artifact", clean, err)
	}
	info := Info{Size: aws.ToInt64(head.ContentLength), ModMS: aws.ToTime(head.LastModified).UnixMilli()}
	fetch := func(ctx context.Context, from int64) (io.ReadCloser, error) {
		in := &s3.GetObjectInput{Bucket: aws.String(s.bucket), Key: aws.String(key), IfMatch: head.ETag}
		if from > 0 {
			in.Range = aws.String(fmt.Sprintf("bytes=%d-", from))
		}
		got, err := s.client.GetObject(ctx, in)
		if err != nil {
			return nil, s.wrap("read artifact", clean, err)
		}
		// Asked again here because not every compatible store heeds If-Match.
		if aws.ToString(got.ETag) != aws.ToString(head.ETag) {
			err := fmt.Errorf("read artifact %q: %w", clean, errReplaced)
			return nil, errors.Join(err, got.Body.Close())
		}
		return got.Body, nil
	}
	return newRemote(ctx, info.Size, fetch), info, nil
}

// Put uploads the artifact, in parts if it is larger than one part. An object
// appears only when all of it has arrived; a failed upload in parts is aborted. A
// crash may leave parts that nobody sees but that cost space: give the bucket a
// lifecycle rule that aborts incomplete multipart uploads.
func (s *S3) Put(ctx context.Context, p string, r io.Reader, limit int64) error {
	clean, err := cleanFile(p)
	if err != nil {
		return err
	}
	err = s.upload(ctx, &s3.PutObjectInput{
		Bucket: aws.String(s.bucket), Key: aws.String(s.prefix + clean), Body: newLimited(ctx, r, limit),
	})
	if err != nil {
		return s.wrap("put artifact", clean, err)
	}
	return nil
}

// Delete removes the object and all objects below it as a directory.
func (s *S3) Delete(ctx context.Context, p string) error {
	clean, err := Clean(p)
	if err != nil {
		return err
	}
	if clean == "" {
		return fmt.Errorf("delete artifacts %q: %w", p, ErrRoot)
	}
	keys, err := s.keysOf(ctx, clean)
	if err != nil {
		return s.wrap("delete artifact", clean, err)
	}
	if len(keys) == 0 {
		return fmt.Errorf("delete artifact %q: %w", clean, ErrNotFound)
	}
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(deletesAtOnce)
	for _, key := range keys {
		group.Go(func() error {
			_, err := s.client.DeleteObject(gctx, &s3.DeleteObjectInput{Bucket: aws.String(s.bucket), Key: aws.String(key)})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return s.wrap("delete artifact", clean, err)
	}
	return nil
}

// keysOf returns the key of the object itself, if there is one, and of all
// objects below it.
func (s *S3) keysOf(ctx context.Context, clean string) ([]string, error) {
	var keys []string
	key := s.prefix + clean
	_, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String(s.bucket), Key: aws.String(key)})
	switch {
	case err == nil:
		keys = append(keys, key)
	case !isStatus(err, http.StatusNotFound):
		return nil, err
	}
	pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{
		Bucket: aws.String(s.bucket), Prefix: aws.String(key + "/"),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, o := range page.Contents {
			keys = append(keys, aws.ToString(o.Key))
		}
	}
	return keys, nil
}

// wrap adds what was done where and names the sentinel of the cause.
func (s *S3) wrap(doing, clean string, err error) error {
	var api smithy.APIError
	switch {
	case errors.As(err, &api) && api.ErrorCode() == "NoSuchBucket":
		return fmt.Errorf("%s %q: bucket %q does not exist: %w", doing, clean, s.bucket, err)
	case isStatus(err, http.StatusNotFound):
		return fmt.Errorf("%s %q: %w", doing, clean, ErrNotFound)
	case isStatus(err, http.StatusPreconditionFailed):
		return fmt.Errorf("%s %q: %w", doing, clean, errReplaced)
	}
	return fmt.Errorf("%s %q in %s: %w", doing, clean, s.Root(), err)
}

// isStatus tells whether the store answered with the HTTP status.
func isStatus(err error, status int) bool {
	var answer interface{ HTTPStatusCode() int }
	return errors.As(err, &answer) && answer.HTTPStatusCode() == status
}
