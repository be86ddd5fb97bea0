package main

import (
	"fmt"
	"slices"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	policyv1 "k8s.io/api/policy/v1"
)

// scaling wants every deployment scaled, and never so far down that its
// disruption budget would let no node be replaced.
func scaling(m manifests) (wrong []error) {
	for _, d := range m.deployments {
		scaler := slices.IndexFunc(m.scalers, func(s autoscalingv2.HorizontalPodAutoscaler) bool {
			return s.Spec.ScaleTargetRef.Kind == "Deployment" && s.Spec.ScaleTargetRef.Name == d.Name
		})
		budget := slices.IndexFunc(m.budgets, func(b policyv1.PodDisruptionBudget) bool {
			return slices.Contains(m.selected(b.Spec.Selector), d.Name)
		})
		if scaler < 0 || budget < 0 {
			wrong = append(wrong, fmt.Errorf("deployment %s: it needs a HorizontalPodAutoscaler and a PodDisruptionBudget", d.Name))
			continue
		}
		if d.Spec.Replicas != nil {
			wrong = append(wrong, fmt.Errorf("deployment %s: replicas is the scaler's to set: every apply would set it back", d.Name))
		}
		wrong = append(wrong, agree(m.scalers[scaler], m.budgets[budget]))
	}
	return wrong
}

func agree(s autoscalingv2.HorizontalPodAutoscaler, b policyv1.PodDisruptionBudget) error {
	least := int32(1)
	if s.Spec.MinReplicas != nil {
		least = *s.Spec.MinReplicas
	}
	if b.Spec.MinAvailable == nil || b.Spec.MinAvailable.IntVal < 1 || b.Spec.MinAvailable.IntVal >= least || least > s.Spec.MaxReplicas {
		return fmt.Errorf("disruption budget %s: minAvailable is %v with %d to %d pods: want it above 0 and below the fewest pods", b.Name, b.Spec.MinAvailable, least, s.Spec.MaxReplicas)
	}
	return nil
}

// answering is how long the service answers what is under way after SIGTERM.
const answering = 8 * time.Second

// shutdown wants time for the load balancer to take a pod out, and then for the
// service to end.
func shutdown(m manifests) (wrong []error) {
	for _, d := range m.deployments {
		for _, c := range d.Spec.Template.Spec.Containers {
			var drain, grace time.Duration
			if c.Lifecycle != nil && c.Lifecycle.PreStop != nil && c.Lifecycle.PreStop.Sleep != nil {
				drain = time.Duration(c.Lifecycle.PreStop.Sleep.Seconds) * time.Second
			}
			if g := d.Spec.Template.Spec.TerminationGracePeriodSeconds; g != nil {
				grace = time.Duration(*g) * time.Second
			}
			if drain == 0 || grace < drain+answering {
				wrong = append(wrong, fmt.Errorf("deployment %s: %s sleeps %s before SIGTERM and is killed after %s: want %s after the sleep", d.Name, c.Name, drain, grace, answering))
			}
		}
	}
	return wrong
}
