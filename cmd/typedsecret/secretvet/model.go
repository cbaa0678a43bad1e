package secretvet

import (
	"regexp"
	"strconv"
	"strings"
)

// The tables name functions as funcName does. {a,b} stands for a and for b.

// A sinkSpec says how a function shows its arguments.
type sinkSpec struct {
	class  class
	mode   mode
	first  int // the first argument that is shown
	format int // the argument that is a format, or -1
	writer int // the argument that is written to: 0 also for a receiver; -1 if none
}

var sinks = parseSinks(`
log fmt.{Print,Println}
log fmt.Printf format=0
log fmt.{Fprint,Fprintln} writer
log fmt.Fprintf writer format=1
log io.WriteString writer
log encoding/json.Encoder.Encode writer json
log {encoding/xml,gopkg.in/yaml.v2,gopkg.in/yaml.v3}.Encoder.Encode writer
log {text,html}/template.Template.{Execute,ExecuteTemplate} write1
log io.{Copy,CopyN,CopyBuffer} writer

log C.{puts,perror}

log log.{Print,Println,Fatal,Fatalln,Panic,Panicln,Output,SetPrefix}
log log.Logger.{Print,Println,Fatal,Fatalln,Panic,Panicln,Output,SetPrefix}
log log.{Printf,Fatalf,Panicf} format=0
log log.Logger.{Printf,Fatalf,Panicf} format=0
log log.New
log log/slog.{Debug,Info,Warn,Error,DebugContext,InfoContext,WarnContext,ErrorContext,Log,LogAttrs,With} attr
log log/slog.Logger.{Debug,Info,Warn,Error,DebugContext,InfoContext,WarnContext,ErrorContext,Log,LogAttrs,With,WithGroup} attr
log log/slog.{String,Any,Group,StringValue,AnyValue} attr
log log/slog.Record.Add attr
log {flag,github.com/spf13/pflag}.{String,FlagSet.String} first=1
log {flag,github.com/spf13/pflag}.{StringVar,FlagSet.StringVar} first=2
log github.com/spf13/pflag.{StringP,FlagSet.StringP} first=2
log github.com/spf13/pflag.{StringVarP,FlagSet.StringVarP} first=3
log log/syslog.Writer.{Alert,Crit,Debug,Emerg,Err,Info,Notice,Warning}

error errors.New
error fmt.Errorf format=0
error github.com/pkg/errors.{New,Wrap,WithMessage}
error github.com/pkg/errors.{Errorf,Wrapf,WithMessagef} format=-2
error golang.org/x/xerrors.New
error golang.org/x/xerrors.Errorf format=0
error google.golang.org/grpc/status.{Error,New}
error google.golang.org/grpc/status.{Errorf,Newf} format=1

test testing.{T,B,F,TB,common}.{Log,Error,Fatal,Skip}
test testing.{T,B,F,TB,common}.{Logf,Errorf,Fatalf,Skipf} format=0

trace runtime/pprof.Labels
trace runtime/trace.{Log,Logf,NewTask,StartRegion,WithRegion}
trace go.opentelemetry.io/otel/attribute.{String,StringSlice,Stringer,StringValue,StringSliceValue,Int,Int64}
trace go.opentelemetry.io/otel/attribute.Key.{String,StringSlice,Int,Int64}
trace go.opentelemetry.io/otel/trace.Span.{AddEvent,SetName,SetStatus,RecordError}
trace go.opentelemetry.io/otel/trace.Tracer.Start
trace go.opentelemetry.io/otel/log.{String,StringValue,Bytes,BytesValue}
trace github.com/prometheus/client_golang/prometheus.{CounterVec,GaugeVec,HistogramVec,SummaryVec}.WithLabelValues

response net/http.{Error,Redirect,SetCookie}
response net/http.ServeContent first=4
response expvar.String.Set
response net/http.Header.{Set,Add} writer
response github.com/gin-gonic/gin.Context.{JSON,IndentedJSON,PureJSON,SecureJSON,JSONP,AbortWithStatusJSON} json
response github.com/gin-gonic/gin.Context.{String,Header,XML,YAML,HTML,Data}
response github.com/labstack/echo.Context.{JSON,JSONPretty} json
response github.com/labstack/echo.Context.{String,HTML,Blob,XML}
response github.com/labstack/echo.NewHTTPError
response github.com/gofiber/fiber.Ctx.JSON json
response github.com/gofiber/fiber.Ctx.{SendString,Send}

log github.com/rs/zerolog.{Event,Context}.{Str,Strs,Bytes,Hex,Interface,Any,RawJSON,Msg,Err,AnErr,Stringer,Fields}
log github.com/rs/zerolog.Event.Msgf format=0
log go.uber.org/zap.{String,Strings,Stringp,ByteString,Any,Reflect,Binary,Stringer,Error,NamedError,Object,Inline} attr
log github.com/davecgh/go-spew/spew.{Dump,Print,Println}
log github.com/davecgh/go-spew/spew.Printf format=0
log github.com/spf13/cobra.Command.{Print,Println,PrintErr,PrintErrln}
log github.com/spf13/cobra.Command.{Printf,PrintErrf} format=0
log github.com/sirupsen/logrus.{WithField,WithFields,WithError}
log github.com/sirupsen/logrus.{Logger,Entry,FieldLogger}.{WithField,WithFields,WithError}
`)

func parseSinks(table string) map[string]sinkSpec {
	m := map[string]sinkSpec{}
	classes := map[string]class{"log": classLog, "error": classError, "test": classTest, "trace": classTrace, "response": classResponse}
	for l := range strings.SplitSeq(strings.TrimSpace(table), "\n") {
		words := strings.Fields(l)
		if len(words) == 0 {
			continue
		}
		s := sinkSpec{class: classes[words[0]], format: -1, writer: -1}
		for _, w := range words[2:] {
			switch {
			case w == "attr":
				s.mode = asAttr
			case w == "json":
				s.mode = asJSON
			case w == "writer":
				s.writer = 0
			case w == "write1":
				s.writer = 1
			case strings.HasPrefix(w, "first="):
				s.first, _ = strconv.Atoi(strings.TrimPrefix(w, "first="))
			default:
				s.format, _ = strconv.Atoi(strings.TrimPrefix(w, "format="))
			}
		}
		for _, name := range braces(words[1]) {
			m[name] = s
		}
	}
	return m
}

// braces expands {a,b}.
func braces(s string) []string {
	before, rest, ok := strings.Cut(s, "{")
	if !ok {
		return []string{s}
	}
	list, after, _ := strings.Cut(rest, "}")
	var all []string
	for one := range strings.SplitSeq(list, ",") {
		for _, end := range braces(after) {
			all = append(all, before+one+end)
		}
	}
	return all
}

func set(table string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(table) {
		for _, name := range braces(w) {
			m[name] = true
		}
	}
	return m
}

// givers are the functions whose first result is a secret.
var givers = set(library + `.{Secret,ByID}.{Get,GetWithInfo,Refresh} ` + library + `.Getter.Get ` +
	library + `.Secret.{Peek,Versions} ` +
	library + `/secret.Payload.{Reveal,Bytes} ` + library + `/codec.Redacted.Reveal
	github.com/aws/aws-secretsmanager-caching-go/secretcache.Cache.{GetSecretString,GetSecretStringWithContext,GetSecretStringWithStage,GetSecretStringWithStageWithContext,GetSecretBinary,GetSecretBinaryWithContext,GetSecretBinaryWithStage,GetSecretBinaryWithStageWithContext}`)

// sdkCall are the SDK's calls whose answers hold secrets, also by an interface for a fake.
var sdkCall = set(`GetSecretValue GetSecretValueWithContext BatchGetSecretValue BatchGetSecretValueWithContext
	GetRandomPassword GetRandomPasswordWithContext`)

// lenders call a function that they are given, their argument with that number, with a
// secret as its parameter 1.
var lenders = map[string]int{
	library + ".Secret.Do": 1, library + ".Secret.DoWithInfo": 1, library + ".Inject": 1,
}

const watch = library + ".Secret.Watch"

// decoders fill what their second argument, or a method's first, points to from the first,
// or the receiver.
var decoders = set(`
{encoding/json,encoding/xml,encoding/asn1,gopkg.in/yaml,gopkg.in/yaml.v2,gopkg.in/yaml.v3,sigs.k8s.io/yaml,github.com/goccy/go-yaml,github.com/goccy/go-json,github.com/json-iterator/go,github.com/bytedance/sonic,github.com/BurntSushi/toml,github.com/pelletier/go-toml}.Unmarshal
{encoding/json,encoding/xml,encoding/gob,gopkg.in/yaml.v3}.Decoder.Decode
github.com/json-iterator/go.API.Unmarshal
github.com/BurntSushi/toml.Decode
github.com/mitchellh/mapstructure.{Decode,WeakDecode}
github.com/go-viper/mapstructure.{Decode,WeakDecode}
fmt.{Sscan,Sscanf,Sscanln}
`)

// outputs return a writer whose text others see.
var outputs = set(`log.Writer log.Logger.Writer testing.{T,B,F,TB,common}.Output
	github.com/spf13/cobra.Command.{OutOrStdout,OutOrStderr,ErrOrStderr}`)

// answers are the fields that are an HTTP response's body in AWS Lambda.
var answers = set(`github.com/aws/aws-lambda-go/events.{APIGatewayProxyResponse,APIGatewayV2HTTPResponse,ALBTargetGroupResponse,LambdaFunctionURLResponse}.Body`)

// wrappers return a view of an argument.
var wrappers = map[string]int{
	"encoding/json.NewEncoder": 0, "encoding/json.NewDecoder": 0, "encoding/xml.NewEncoder": 0,
	"encoding/xml.NewDecoder": 0, "encoding/hex.NewEncoder": 0, "encoding/base64.NewEncoder": 1,
	"gopkg.in/yaml.v2.NewEncoder": 0, "gopkg.in/yaml.v3.NewEncoder": 0,
	"encoding/csv.NewWriter": 0, "encoding/gob.NewDecoder": 0,
	"bufio.NewReader": 0, "bufio.NewWriter": 0, "bufio.NewScanner": 0, "bufio.NewWriterSize": 0,
	"bytes.NewReader": 0, "bytes.NewBuffer": 0, "bytes.NewBufferString": 0, "strings.NewReader": 0,
	"io.NopCloser": 0, "io.LimitReader": 0, "io.TeeReader": 0, "text/tabwriter.NewWriter": 0,
	"net/http.ResponseWriter.Header": 0, "net/http.NewResponseController": 0,
	"net/http.MaxBytesReader": 1, "sync.OnceValue": 0, "sync.OnceValues": 0, "sync.OnceFunc": 0,
}

// formatters make text of their arguments by a mode and, for some, a format.
var formatters = map[string]sinkSpec{
	"fmt.Sprint": {format: -1}, "fmt.Sprintln": {format: -1}, "fmt.Sprintf": {format: 0},
	"fmt.Append": {format: -1}, "fmt.Appendln": {format: -1}, "fmt.Appendf": {format: 1},
	"encoding/json.Marshal": {mode: asJSON, format: -1}, "encoding/json.MarshalIndent": {mode: asJSON, format: -1},
	"gopkg.in/yaml.v3.Marshal": {format: -1}, "encoding/xml.Marshal": {format: -1},
}

// quoters put their argument 0 into the error that is their last result.
var quoters = set(`
net/url.{Parse,ParseRequestURI,ParseQuery} strconv.{Atoi,ParseInt,ParseUint,ParseFloat,ParseBool}
net/http.{Get,Head,Post,PostForm} net/http.Client.{Get,Head,Post,PostForm} time.{ParseDuration,Parse}
net.{ParseCIDR,SplitHostPort} net/netip.{ParseAddr,ParseAddrPort,ParsePrefix}
os.{Open,ReadFile} net/mail.ParseAddress
`)

// carriers are packages whose functions put what they are given into what they return.
var carriers = set(`
strings bytes strconv net/url encoding/{base64,base32,hex,json,xml,pem,csv,gob,ascii85} html bufio io
text/template html/template path path/filepath slices maps unicode/utf8 sync sync/atomic reflect cmp
unique iter container/list github.com/aws/aws-sdk-go-v2/aws github.com/aws/aws-sdk-go/aws
github.com/aws/smithy-go/ptr github.com/tidwall/gjson github.com/spf13/cast github.com/samber/lo
golang.org/x/exp/{maps,slices} golang.org/x/text/cases
`)

// carrying are functions that do so in other packages.
var carrying = set(`
os.{Expand} errors.{Join,Unwrap} net.JoinHostPort github.com/go-sql-driver/mysql.Config.FormatDSN
mime.FormatMediaType regexp.{Regexp.FindString,Regexp.FindStringSubmatch,Regexp.Find}
net/http/httputil.{DumpRequest,DumpRequestOut,DumpResponse} net/smtp.{PlainAuth,CRAMMD5Auth}
os.ExpandEnv flag.Arg error.Error unsafe.{String,StringData,Slice,SliceData}
github.com/google/uuid.Must k8s.io/utils/ptr.{To,Deref}
`)

// harmless are functions of carriers whose results say nothing of a secret, or hide it.
var harmless = set(`
net/url.URL.{Redacted,Hostname,Port,IsAbs,EscapedPath,EscapedFragment} net/url.Userinfo.Username
reflect.TypeOf reflect.TypeFor reflect.Value.{Type,Kind,Len} reflect.Type.{String,Name,Kind,Elem}
strings.{NewReplacer,Count,Index} encoding/json.Valid io.Discard github.com/aws/aws-sdk-go-v2/aws.{NewConfig}
`)

// errorFields are the fields of the standard library's errors that hold nothing of the input.
var errorFields = set(`net/url.Error.{Op,Err} strconv.NumError.{Func,Err} io/fs.PathError.{Op,Err}
	net.ParseError.Type encoding/json.SyntaxError.Offset encoding/json.UnmarshalTypeError.{Type,Offset,Struct,Field}`)

var hiding = regexp.MustCompile(`(?i)redact|mask|saniti|scrub|censor|obfusc|hash|fingerprint|digest|encrypt|hmac|anonymi`)

// hides reports whether a function's name says that its result is no secret.
func hides(name string) bool { return hiding.MatchString(name) }

var logVerb = regexp.MustCompile(`^(Debug|Info|Notice|Warn|Warning|Error|Fatal|Panic|DPanic|Print|Trace|Critical|Alert|Log)(f|ln|w|s|S|Depth|Context|Ctx|Contextf|Contextw|df)?$`)

// logs reports whether a method or function that is not known has a logger's name.
func logs(of, pkg, name string) bool {
	if !logVerb.MatchString(name) {
		return false
	}
	return loggerName(of) || loggerName(pkg)
}

func loggerName(s string) bool {
	s = strings.ToLower(s)
	switch s {
	case "log", "klog", "glog", "zlog", "hclog", "logrus", "logr", "slog", "zerolog", "log15", "logs", "logging", "tflog":
		return true
	}
	return strings.HasSuffix(s, "logger") || strings.HasSuffix(s, "logging") || strings.HasSuffix(s, "logr")
}
