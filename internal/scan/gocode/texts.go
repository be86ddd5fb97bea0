package gocode

import (
	"github.com/securego/gosec/v2/issue"
)

// text explains a rule: why it matters, and what to do.
type text struct{ why, fix string }

func secCWE(id string) []int {
	weakness := issue.GetCweByRule(id)
	if weakness == nil {
		return nil
	}
	if n := number(weakness.ID); n > 0 {
		return []int{n}
	}
	return nil
}

// ownTexts are the rules that are no analyzer's.
var ownTexts = map[string]struct{ tool, name, why, fix, uri string }{
	"compile": {compilerTool, "compile", "The code does not compile, so nothing else can be said about the package.", "Correct the error; go vet shows the same.", "https://go.dev/ref/spec"},
	gofmtTool: {gofmtTool, gofmtTool, "Code that is formatted alike is read and compared more easily.", "Run gofmt -w on the file.", "https://pkg.go.dev/cmd/gofmt"},
	unexplainedRule: {
		sluiceTool, unexplainedRule,
		"A comment that names no rule hides what is found there later too; one without a reason cannot be judged by whoever reads it next.",
		"Name the rule and the reason: #nosec G304 -- why; //nolint:gosec // why; //lint:ignore SA1019 why.", "https://github.com/securego/gosec#annotating-code",
	},
	"staticcheck": {staticcheckTool, "linter directive", "A directive that switches nothing off hides what it was written for.", "Remove the directive, or correct it: //lint:ignore RULE reason.", "https://staticcheck.dev/docs/configuration#line-based-linter-directives"},
}

var vetTexts = map[string]text{
	"appends":          {"An append with no values to append changes nothing.", "Pass the values, or remove the call."},
	"asmdecl":          {"The assembly does not agree with the Go declaration, so arguments or results are read from the wrong place.", "Make the offsets and sizes in the assembly agree with the declaration."},
	"assign":           {"A variable is assigned to itself, which does nothing.", "Remove the assignment, or assign what was meant."},
	"atomic":           {"The result of an atomic addition is assigned to the same variable, and that assignment is not atomic.", "Call the function alone, or use a type of sync/atomic."},
	"bools":            {"A condition compares or combines the same thing twice.", "Remove the repetition, or write what was meant."},
	"buildtag":         {"A build constraint is malformed or misplaced, so that it has no effect.", "Write it as //go:build above the package clause."},
	"cgocall":          {"Passing such a value to C breaks the rules on pointers, and the garbage collector may free it.", "Pass memory that C allocated, or a handle of runtime/cgo."},
	"composites":       {"A struct of another package is written without field names, and breaks when a field is added there.", "Name the fields."},
	"copylocks":        {"A lock is copied, and the copy does not guard what the original does.", "Pass a pointer."},
	"defers":           {"The arguments of a deferred call are computed at once, not when it runs.", "Defer a function literal."},
	"directive":        {"A directive of the Go toolchain is misplaced, so that it has no effect.", "Put it where its documentation says, at the head of the file of package main."},
	"errorsas":         {"errors.As panics when its target is not a pointer to an error type.", "Pass a pointer to a variable of the error's type."},
	"framepointer":     {"The assembly overwrites the frame pointer, which breaks tracebacks and profiles.", "Save the frame pointer first."},
	"httpresponse":     {"The response is used before the error is looked at, and is nil when there is one.", "Check the error first, then defer the call to Close."},
	"hostport":         {"An address that is put together by hand is wrong for IPv6.", "Use net.JoinHostPort."},
	"ifaceassert":      {"No type can implement both interfaces, so the assertion always fails.", "Assert to a type that can be there."},
	"loopclosure":      {"A function literal uses a loop variable that changes before it runs.", "Declare the variable inside the loop, or set go 1.22 or later in go.mod."},
	"lostcancel":       {"The function that cancels a context is never called, so its timer and goroutine stay.", "Defer a call to the cancel function."},
	"nilfunc":          {"A declared function is never nil, so the comparison says nothing.", "Call the function, or compare a variable."},
	"printf":           {"The format and its arguments do not agree, so the text will be wrong.", "Make each verb and its argument agree; pass a text that is not a format by %s."},
	"shift":            {"The shift is as wide as the value or wider, so the result is always the same.", "Convert to a wider type first."},
	"sigchanyzer":      {"Signals that arrive while nobody receives are lost, because the channel has no buffer.", "Give the channel a buffer of at least 1."},
	"slog":             {"The keys and values of a log call do not pair up, so the record is malformed.", "Pass keys and values in pairs, or slog.Attr values."},
	"stdmethods":       {"A method has the name of a well-known interface's but not its signature, and will not be called through it.", "Give it the interface's signature, or another name."},
	"stdversion":       {"The code uses what the Go version in go.mod does not have.", "Raise the go directive in go.mod, or do without."},
	"stringintconv":    {"string(n) makes the character with that number, not its digits.", "Use strconv.Itoa, or string(rune(n)) if the character is meant."},
	"structtag":        {"A struct tag is malformed or repeated, so that it is not honoured.", "Write it as key:\"value\" pairs with one space between them."},
	"tests":            {"A test, benchmark or example is misnamed or has the wrong signature, so it does not run or documents nothing.", "Correct its name or signature."},
	"testinggoroutine": {"Fatal and its like end the goroutine that calls them, not the test.", "Use Error and return, or report to the test's goroutine."},
	"timeformat":       {"2006-02-01 is year, day, month; hardly anyone means that.", "Write 2006-01-02."},
	"unmarshal":        {"Decoding into what is no pointer always fails.", "Pass a pointer."},
	"unreachable":      {"This code can never run.", "Remove it, or what makes it unreachable."},
	"unsafeptr":        {"A number is converted to a pointer, which the garbage collector does not see.", "Keep the pointer, and convert within one expression as package unsafe allows."},
	"unusedresult":     {"The function has no effect but its result, and that is dropped.", "Use the result, or remove the call."},
	"waitgroup":        {"Add is called in the goroutine that is waited for, so Wait may return before it.", "Call Add before the go statement, or use the WaitGroup's Go method."},
}

var gosecTexts = map[string]text{
	"G101": {"A credential in the code is known to all who can read the code, and stays in its history.", "Read it from the environment or a secret store, and replace the credential."},
	"G102": {"Listening on all interfaces lets anyone who can reach the machine connect.", "Listen on the address that is meant."},
	"G103": {"Package unsafe steps around Go's memory safety.", "Do without it, or keep it small and say why it is right."},
	"G104": {"An error that nobody looks at hides a failure.", "Handle the error, or return it."},
	"G106": {"Without a check of the host key anyone between can read and change the connection.", "Check the key with ssh.FixedHostKey or a known_hosts file."},
	"G107": {"A request to a URL from outside can be turned against internal services.", "Check the host against a list of those that are allowed."},
	"G108": {"The profiling endpoint shows memory and goroutines to everyone.", "Serve it on a mux and an address of its own."},
	"G109": {"A number that was parsed as int is cut when it is converted to a smaller type.", "Parse it with strconv.ParseInt and the size that is needed."},
	"G110": {"A small compressed input can unpack to more than there is memory or disk.", "Bound what is unpacked with io.LimitReader or io.CopyN."},
	"G111": {"Serving the root folder shows every file of the machine.", "Serve the folder that is meant, with http.FS or os.Root."},
	"G112": {"A client that sends its headers slowly holds a connection for ever.", "Set ReadHeaderTimeout on the http.Server."},
	"G113": {"Headers or bodies that proxies read differently let one request hide another.", "Set only one of Content-Length and Transfer-Encoding, and refuse bare line feeds."},
	"G114": {"This function serves without time limits, so slow clients hold connections for ever.", "Use an http.Server with ReadHeaderTimeout and its like."},
	"G115": {"A value that does not fit is cut or changes its sign without a sound.", "Check the range before converting."},
	"G116": {"Control characters for text direction make code look other than it is.", "Remove them, or write them as escapes."},
	"G117": {"A field that holds a secret is written out with the rest.", "Leave it out with the tag \"-\", or write another type."},
	"G118": {"Work that does not get the caller's context goes on after the caller has gone.", "Pass the context on, and call its cancel function."},
	"G119": {"On a redirect to another host, headers with credentials are sent along.", "Remove such headers in CheckRedirect when the host changes."},
	"G120": {"A form of any size is read into memory.", "Wrap the body in http.MaxBytesReader first."},
	"G121": {"A bypass pattern that is too wide switches the protection against cross-origin requests off.", "Name the exact paths that must be exempt."},
	"G122": {"Between the walk and the use a file can be replaced by a link to another.", "Open files through os.Root."},
	"G123": {"A resumed TLS session does not call VerifyPeerCertificate.", "Check in VerifyConnection."},
	"G124": {"A cookie without Secure, HttpOnly and SameSite can be read or sent by others.", "Set all three."},
	"G201": {"A query that is formatted from values can be changed by whoever gives a value.", "Use placeholders, and pass the values as arguments."},
	"G202": {"A query that is put together from values can be changed by whoever gives a value.", "Use placeholders, and pass the values as arguments."},
	"G203": {"Text that is marked as safe is not escaped, so that it can carry scripts.", "Let html/template escape it."},
	"G204": {"A command or argument from outside can start other programs.", "Start a fixed program, and check its arguments."},
	"G301": {"Other users of the machine can list or change the folder.", "Create it with 0o750 or less."},
	"G302": {"Other users of the machine can read or change the file.", "Set 0o600 or less."},
	"G303": {"A file with a name that can be guessed can be put there by another user.", "Use os.CreateTemp."},
	"G304": {"A path from outside can lead to any file.", "Open it through os.Root, or check that it stays in its folder."},
	"G305": {"A name in an archive can lead out of the folder it is unpacked to.", "Unpack through os.Root, or refuse names that are not local (filepath.IsLocal)."},
	"G306": {"Other users of the machine can read or change the file.", "Write it with 0o600 or less."},
	"G307": {"os.Create lets other users of the machine read the file.", "Use os.OpenFile with 0o600."},
	"G401": {"MD5 and SHA-1 are broken: others can make data with the same digest.", "Use crypto/sha256."},
	"G402": {"These TLS settings let others read or change the connection.", "Leave the defaults, and do not skip verification."},
	"G403": {"RSA keys below 2048 bits can be broken.", "Use 2048 bits or more, or an elliptic curve."},
	"G404": {"The numbers of math/rand can be foretold.", "Use crypto/rand where it must not be guessed."},
	"G405": {"DES and RC4 are broken.", "Use AES-GCM or ChaCha20-Poly1305."},
	"G406": {"MD4 and RIPEMD-160 are broken or outdated.", "Use crypto/sha256."},
	"G407": {"A nonce that is used twice gives the encrypted text away.", "Make a new one for each message with crypto/rand."},
	"G408": {"The callback is called for keys that the client only offers, so state that it sets can belong to another key.", "Carry what it decides in the ssh.Permissions that it returns."},
	"G501": {"MD5 is broken: others can make data with the same digest.", "Use crypto/sha256."},
	"G502": {"DES is broken.", "Use AES-GCM."},
	"G503": {"RC4 is broken.", "Use AES-GCM."},
	"G504": {"net/http/cgi passes headers of the request on as environment variables.", "Use another way to run the program."},
	"G505": {"SHA-1 is broken: others can make data with the same digest.", "Use crypto/sha256."},
	"G506": {"MD4 is broken.", "Use crypto/sha256."},
	"G507": {"RIPEMD-160 is outdated.", "Use crypto/sha256."},
	"G601": {"The address of a loop variable is the same in every turn before Go 1.22.", "Set go 1.22 or later in go.mod, or copy the variable."},
	"G602": {"An index can be beyond the end of the slice, which ends the program.", "Check the length first."},
	"G701": {"A value from outside reaches a query, and can change it.", "Use placeholders, and pass the values as arguments."},
	"G702": {"A value from outside reaches a command, and can start other programs.", "Start a fixed program, and check its arguments."},
	"G703": {"A path from outside reaches the file system, and can lead to any file.", "Open it through os.Root, or check that it stays in its folder."},
	"G704": {"A URL from outside reaches a request, which can be turned against internal services.", "Check the host against a list of those that are allowed."},
	"G705": {"A value from outside reaches a page without being escaped, so that it can carry scripts.", "Write it with html/template."},
	"G706": {"A value from outside reaches the log, where it can forge lines.", "Log it as a value of a structured record, or quote it with %q."},
	"G707": {"A value from outside reaches a mail's headers or commands, and can change them.", "Refuse line breaks in it."},
	"G708": {"A template from outside is executed, and can call what it is given.", "Keep templates in the program, and pass values as data."},
	"G709": {"Data from outside is decoded into any type, with the effects of its methods.", "Decode into a plain struct, and bound the size."},
	"G710": {"A URL from outside decides where users are sent.", "Redirect only to paths of your own, or to hosts of a list."},
}
