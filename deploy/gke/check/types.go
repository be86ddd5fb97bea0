package main

// What the rules look at of kinds that Kubernetes itself does not have. Their
// schemas have been held to by then, so these name no more than is used.

type named struct {
	Name string `json:"name"`
}

type gateway struct {
	Metadata named `json:"metadata"`
	Spec     struct {
		Listeners []struct {
			Name     string `json:"name"`
			Protocol string `json:"protocol"`
			Hostname string `json:"hostname"`
		} `json:"listeners"`
	} `json:"spec"`
}

type route struct {
	Metadata named `json:"metadata"`
	Spec     struct {
		ParentRefs []struct {
			Name        string `json:"name"`
			SectionName string `json:"sectionName"`
		} `json:"parentRefs"`
		Hostnames []string `json:"hostnames"`
		Rules     []struct {
			BackendRefs []struct {
				Name string `json:"name"`
				Port int32  `json:"port"`
			} `json:"backendRefs"`
		} `json:"rules"`
	} `json:"spec"`
}

// attachment is one of GKE's policies.
type attachment struct {
	Kind     string `json:"kind"`
	Metadata named  `json:"metadata"`
	Spec     struct {
		TargetRef struct {
			Kind string `json:"kind"`
			Name string `json:"name"`
		} `json:"targetRef"`
		Default struct {
			Config struct {
				HTTPHealthCheck struct {
					Port        int32  `json:"port"`
					RequestPath string `json:"requestPath"`
				} `json:"httpHealthCheck"`
			} `json:"config"`
		} `json:"default"`
	} `json:"spec"`
}

type provider struct {
	Metadata named `json:"metadata"`
	Spec     struct {
		Parameters struct {
			Secrets string `json:"secrets"`
		} `json:"parameters"`
	} `json:"spec"`
}

type monitor struct {
	Metadata named `json:"metadata"`
	Spec     struct {
		Selector struct {
			MatchLabels map[string]string `json:"matchLabels"`
		} `json:"selector"`
		Endpoints []struct {
			Port any    `json:"port"`
			Path string `json:"path"`
		} `json:"endpoints"`
	} `json:"spec"`
}
