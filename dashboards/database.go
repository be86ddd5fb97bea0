package dashboards

func database() Dashboard {
	return Dashboard{
		Name:        "database",
		UID:         "todo-database",
		Title:       "To-do service: database",
		Description: "Whether the to-do service reaches its database, and what it waits for there.",
		Rows:        []Row{reach(), pools(), cost()},
	}
}

func reach() Row {
	words := map[string]Word{"0": {"out of reach", "red"}, "1": {"within reach", "green"}}
	return Row{"Within reach", []Panel{
		{Title: "Database", Description: "Out of reach when the last probe of any instance found it so.", Kind: Figure, Width: 6, Unit: "none",
			Words: words, Queries: []Query{{`min(todo_database_up{` + of + `})`, ""}}},
		{Title: "Database errors", Description: "Requests answered 503 because of the database, in the time shown. Normal is 0.", Kind: Figure, Width: 6, Unit: "short",
			Lines: bad(1), Queries: []Query{{`sum(increase(todo_database_errors_total{` + of + `}[$__range]))`, ""}}},
		{Title: "Fullest pool", Description: "Connections in use, of those that the fullest pool of more than one may have.", Kind: Figure, Width: 6, Unit: "percentunit",
			Lines: bad(.9), Queries: []Query{{`max(job_instance:todo_database_pool_in_use:ratio{` + of + `})`, ""}}},
		{Title: "Waiting for a connection", Description: "Requests at a time, on average, in the pool that most wait for.", Kind: Figure, Width: 6, Unit: "short",
			Lines: bad(1), Queries: []Query{{`max(job_instance:todo_database_pool_waiting:rate5m{` + of + `})`, ""}}},
		{Title: "Database by instance", Description: "What each instance's last probe found. All out of reach: the database. One: its network or its credentials.", Kind: States, Width: 12, Unit: "none",
			Words: words, Queries: []Query{{`max by (instance) (todo_database_up{` + of + `})`, "{{instance}}"}}},
		{Title: "Errors", Description: "Database calls that ended as 503, and all answers with that status, of health checks too.", Width: 12, Unit: "reqps",
			Queries: []Query{
				{`sum(rate(todo_database_errors_total{` + of + `}[$__rate_interval]))`, "database errors"},
				{orNone(`sum(rate(`+count+`{`+of+`, status="503"}[$__rate_interval]))`, count), "answers with 503"},
			}},
	}}
}

func pools() Row {
	const (
		waited = `sum by (db_name) (rate(go_sql_wait_duration_seconds_total{` + of + `}[$__rate_interval]))`
		waits  = `sum by (db_name) (rate(go_sql_wait_count_total{` + of + `}[$__rate_interval]))`
	)
	return Row{"Pools of connections", []Panel{
		{Title: "Connections", Description: "Open connections of each pool, in use and idle, summed over instances, and how many there may be.", Width: 12, Unit: "short", Queries: []Query{
			{`sum by (db_name) (go_sql_in_use_connections{` + of + `})`, "{{db_name}} in use"},
			{`sum by (db_name) (go_sql_idle_connections{` + of + `})`, "{{db_name}} idle"},
			{`sum by (db_name) (go_sql_max_open_connections{` + of + `})`, "{{db_name}} at most"},
		}},
		{Title: "In use", Description: "Of the connections that each pool may have. A pool of one, as SQLite's writer, is full whenever there is work: see there how many wait.", Width: 12, Unit: "percentunit", Full: true,
			Lines: bad(.9), Queries: []Query{{`sum by (instance, db_name) (go_sql_in_use_connections{` + of + `}) / (sum by (instance, db_name) (go_sql_max_open_connections{` + of + `}) > 0)`, "{{instance}} {{db_name}}"}}},
		{Title: "Waiting", Description: "Requests that wait for a connection at a time, on average. Over 1 for long, the pool is too small or the database too slow.", Width: 8, Unit: "short",
			Lines: bad(1), Queries: []Query{{waited, "{{db_name}}"}}},
		{Title: "Length of a wait", Description: "How long those who have to wait for a connection do, on average.", Width: 8, Unit: "s",
			Queries: []Query{{waited + ` / (` + waits + ` > 0) or 0 * ` + waits, "{{db_name}}"}}},
		{Title: "Closed connections", Description: "Why connections were given up: too many idle, idle for too long, or too old. Many a second mean that each request makes its own.", Width: 8, Unit: "cpm", Queries: []Query{
			{`60 * sum(rate(go_sql_max_idle_closed_total{` + of + `}[$__rate_interval]))`, "too many idle"},
			{`60 * sum(rate(go_sql_max_idle_time_closed_total{` + of + `}[$__rate_interval]))`, "idle for too long"},
			{`60 * sum(rate(go_sql_max_lifetime_closed_total{` + of + `}[$__rate_interval]))`, "too old"},
		}},
	}}
}

func cost() Row {
	return Row{"What it costs", []Panel{
		{Title: "Reading a list", Description: "How long GET / takes.", Width: 12, Unit: "s", Lines: bad(.25), Queries: quantiles(bucket, of+`, route="/"`)},
		{Title: "Changing a list", Description: "How long forms take that the database commits.", Width: 12, Unit: "s", Lines: bad(.25), Queries: quantiles(bucket, of+`, method="POST", status="303"`)},
	}}
}
