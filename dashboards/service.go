package dashboards

const (
	// of is the selector of the instances chosen at the top of the page.
	of = `job="todo", instance=~"$instance"`
	// asked leaves out what people do not ask for, as the objectives do.
	asked = of + `, route!~"/health.*|/static/.*"`
	// answered leaves out refusals too, which are quick.
	answered = asked + `, status!~"5..|429"`

	count  = "http_server_request_duration_seconds_count"
	bucket = "http_server_request_duration_seconds_bucket"
)

func service() Dashboard {
	return Dashboard{
		Name:        "service",
		UID:         "todo-service",
		Title:       "To-do service",
		Description: "What people notice of the to-do service, how full it is, and whether it keeps its objectives.",
		Rows:        []Row{glance(), original(), signals(), more(), objectives(), use()},
	}
}

func glance() Row {
	const (
		asks  = `sum(increase(` + count + `{` + asked + `}[$__range]))`
		fails = `(sum(increase(` + count + `{` + asked + `, status=~"5.."}[$__range])) or 0 * ` + asks + `)`
		quick = `sum(increase(` + bucket + `{` + answered + `, le="0.25"}[$__range]))`
		all   = `sum(increase(` + count + `{` + answered + `}[$__range]))`
	)
	return Row{"At a glance", []Panel{
		{Title: "Instances up", Description: "Instances whose metrics can be read.", Kind: Figure, Width: 4, Unit: "none",
			Lines: good(1), Queries: []Query{{`sum(up{` + of + `})`, ""}}},
		{Title: "Requests now", Description: "All requests to the public listener, health checks included.", Kind: Figure, Width: 4, Unit: "reqps",
			Queries: []Query{{`sum(rate(todo_app_requests_total{` + of + `}[$__rate_interval]))`, ""}}},
		{Title: "Availability", Description: "Requests answered without a 5xx status, in the time shown. The objective is 99.9 %.", Kind: Figure, Width: 4, Unit: "percentunit", Decimals: 3,
			Lines: good(.999), Queries: []Query{{`1 - ` + fails + ` / (` + asks + ` > 0)`, ""}}},
		{Title: "Error budget left", Description: "Of the failures that 99.9 % allows in the time shown. Below 0 the objective is missed.", Kind: Figure, Width: 4, Unit: "percentunit", Decimals: 1,
			Lines: good(0), Queries: []Query{{`1 - ` + fails + ` / (` + asks + ` > 0) / 0.001`, ""}}},
		{Title: "Under 250 ms", Description: "Answers that took less than 250 ms, in the time shown. The objective is 99 %.", Kind: Figure, Width: 4, Unit: "percentunit", Decimals: 2,
			Lines: good(.99), Queries: []Query{{quick + ` / (` + all + ` > 0)`, ""}}},
		{Title: "99th percentile now", Description: "One answer in a hundred takes longer.", Kind: Figure, Width: 4, Unit: "s",
			Lines: bad(.25), Queries: []Query{{quantile("0.99", bucket, answered, ""), ""}}},
	}}
}

// original are the three graphs of the application that this one took over from.
func original() Row {
	const adding = "todo_add_request_latency_seconds_bucket"
	return Row{"As before", []Panel{
		{Title: "Requests", Description: "All requests to the public listener, summed over instances.", Width: 8, Unit: "reqps",
			Queries: []Query{{`sum(rate(todo_app_requests_total{` + of + `}[$__rate_interval]))`, "requests"}}},
		{Title: "Latency of adding", Description: "How long POST /add takes. The database's commit is most of it.", Width: 8, Unit: "s",
			Queries: quantiles(adding, of)},
		{Title: "CSRF failures", Description: "Forms refused for a wrong or missing token. A few are pages left open for too long; many are an attack, or keys that differ between instances.", Width: 8, Unit: "cpm",
			Queries: []Query{{`60 * sum(rate(csrf_failures_total{` + of + `}[$__rate_interval]))`, "failures"}}},
	}}
}

// signals are the four golden signals.
func signals() Row {
	return Row{"Golden signals", []Panel{
		{Title: "Latency", Description: "How long answers take, without refusals, health checks and static files.", Width: 12, Unit: "s",
			Lines: bad(.25), Queries: quantiles(bucket, answered)},
		{Title: "Traffic", Description: "Requests by route.", Width: 12, Unit: "reqps",
			Queries: []Query{{`sum by (route) (rate(` + count + `{` + of + `}[$__rate_interval]))`, "{{route}}"}}},
		{Title: "Errors", Description: "Failures (5xx) should be 0. Refusals (4xx) are the asker's mistakes: wrong tokens, unknown items, too many requests.", Width: 12, Unit: "reqps",
			Queries: []Query{
				{orNone(`sum(rate(`+count+`{`+of+`, status=~"5.."}[$__rate_interval]))`, count), "5xx"},
				{orNone(`sum(rate(`+count+`{`+of+`, status=~"4.."}[$__rate_interval]))`, count), "4xx"},
			}},
		{Title: "Saturation", Description: "How full the fullest instance is: of its memory limit, its file descriptors and its pools of database connections (those of more than one).", Width: 12, Unit: "percentunit", Full: true,
			Lines: bad(.9), Queries: []Query{
				{`max(job_instance:todo_memory_used:ratio{` + of + `})`, "memory"},
				{`max(job_instance:todo_open_fds:ratio{` + of + `})`, "file descriptors"},
				{`max(job_instance:todo_database_pool_in_use:ratio{` + of + `})`, "database connections"},
			}},
	}}
}

func more() Row {
	return Row{"More of the four", []Panel{
		{Title: "99th percentile by route", Description: "One answer in a hundred takes longer. Gaps are routes that nobody asked for.", Width: 8, Unit: "s",
			Queries: []Query{{quantile("0.99", bucket, answered, "route"), "{{route}}"}}},
		{Title: "Answers by status", Description: "303 is a form that worked, 422 a text that was refused, 429 a client that asks too often, 503 a database out of reach.", Width: 8, Unit: "reqps",
			Queries: []Query{{`sum by (status) (rate(` + count + `{` + of + `}[$__rate_interval]))`, "{{status}}"}}},
		{Title: "Refused by the rate limit", Description: "Requests answered 429 without being looked at. Normal is 0.", Width: 8, Unit: "reqps",
			Queries: []Query{{`sum(rate(http_server_rate_limited_total{` + of + `}[$__rate_interval]))`, "refused"}}},
		{Title: "Requests under way", Description: "By instance. They pile up when the database or the processor does not keep up.", Width: 8, Unit: "short",
			Lines: bad(80), Queries: []Query{{`sum by (instance) (http_server_active_requests{` + of + `})`, "{{instance}}"}}},
		{Title: "Processors in use", Description: "By instance; 1 is one processor, all the time.", Width: 8, Unit: "short",
			Queries: []Query{{`sum by (instance) (rate(process_cpu_seconds_total{` + of + `}[$__rate_interval]))`, "{{instance}}"}}},
		{Title: "Memory", Description: "Resident, by instance. Up to 40 MiB under load is normal.", Width: 8, Unit: "bytes",
			Queries: []Query{{`sum by (instance) (process_resident_memory_bytes{` + of + `})`, "{{instance}}"}}},
	}}
}

// objectives are of all instances together, as they are recorded.
func objectives() Row {
	return Row{"Objectives (all instances)", []Panel{
		{Title: "Burn rate, availability", Description: "1 uses the error budget of 99.9 % up in exactly its 30 days. Over 14.4 in 1 h, and still in 5 min, somebody is called.", Width: 12, Unit: "none",
			Lines: burning(), Queries: burns("job:todo_errors_per_request:ratio_rate", "0.001")},
		{Title: "Burn rate, latency", Description: "1 uses the budget of slow answers, 1 % over 250 ms, up in exactly its 30 days. Over 14.4 in 1 h, and still in 5 min, somebody is called.", Width: 12, Unit: "none",
			Lines: burning(), Queries: burns("job:todo_slow_per_answer:ratio_rate", "0.01")},
		{Title: "Budget left", Description: "Of the last 3 days' budget. Below 0 the objective was missed in these days.", Width: 12, Unit: "percentunit", Queries: []Query{
			{`1 - job:todo_errors_per_request:ratio_rate3d{job="todo"} / 0.001`, "availability"},
			{`1 - job:todo_slow_per_answer:ratio_rate3d{job="todo"} / 0.01`, "latency"},
		}},
		{Title: "Alerts", Description: "How many fire. Each has a runbook.", Width: 12, Unit: "none",
			Queries: []Query{{`count(ALERTS{alertname=~"Todo.+", alertstate="firing"}) or vector(0)`, "firing"}}},
	}}
}

func use() Row {
	return Row{"Use", []Panel{
		{Title: "What people do", Description: "Changes to lists, by action.", Width: 12, Unit: "cpm",
			Queries: []Query{{`60 * sum by (action) (rate(todo_tasks_total{` + of + `}[$__rate_interval]))`, "{{action}}"}}},
		{Title: "Versions", Description: "How many instances run which. Two for a while are a rollout.", Width: 12, Unit: "none",
			Queries: []Query{{`sum by (version, revision) (todo_build_info{` + of + `})`, "{{version}} {{revision}}"}}},
	}}
}

// quantile is of a histogram, over all instances, by one more label or none.
func quantile(q, histogram, selector, by string) string {
	if by != "" {
		by = ", " + by
	}
	return `histogram_quantile(` + q + `, sum by (le` + by + `) (rate(` + histogram + `{` + selector + `}[$__rate_interval])))`
}

func quantiles(histogram, selector string) []Query {
	return []Query{
		{quantile("0.5", histogram, selector, ""), "median"},
		{quantile("0.9", histogram, selector, ""), "90th percentile"},
		{quantile("0.99", histogram, selector, ""), "99th percentile"},
	}
}

// orNone makes a sum 0 while there is no series of it but the service is
// there, as with failures before the first one.
func orNone(sum, counter string) string {
	return sum + ` or 0 * sum(rate(` + counter + `{` + of + `}[$__rate_interval]))`
}

func burns(ratio, budget string) []Query {
	var all []Query
	for _, window := range []string{"5m", "1h", "6h", "3d"} {
		all = append(all, Query{ratio + window + `{job="todo"} / ` + budget, window})
	}
	return all
}

// good is from a value on; bad is, too; burning has steps.
func good(from float64) []Line { return []Line{{Color: "red"}, {from, "green"}} }
func bad(from float64) []Line  { return []Line{{Color: "green"}, {from, "red"}} }
func burning() []Line          { return []Line{{Color: "green"}, {1, "orange"}, {14.4, "red"}} }
