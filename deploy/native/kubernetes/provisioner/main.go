// The provisioner makes and removes the directories behind the StorageClass rundrill-local.
//
// One runs on every node. It serves the claims that the scheduler has placed on its own node,
// and deletes a volume together with its content once its claim is gone.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

const (
	class          = "rundrill-local"
	provisioner    = "rundrill.dev/local"
	selectedNode   = "volume.kubernetes.io/selected-node"
	provisionedBy  = "pv.kubernetes.io/provisioned-by"
	nodeAnnotation = "rundrill.dev/node"
	patience       = 20 * time.Second
	lookAgainEvery = 15 * time.Second
)

type shelf struct {
	client    kubernetes.Interface
	node      string
	directory string
}

func main() {
	config, err := rest.InClusterConfig()
	if err != nil {
		log.Fatal(err)
	}
	s := shelf{kubernetes.NewForConfigOrDie(config), os.Getenv("NODE_NAME"), os.Getenv("VOLUMES")}
	if s.node == "" || s.directory == "" {
		log.Fatal("NODE_NAME and VOLUMES must be set")
	}
	factory := informers.NewSharedInformerFactory(s.client, lookAgainEvery)
	claims := factory.Core().V1().PersistentVolumeClaims().Informer()
	volumes := factory.Core().V1().PersistentVolumes().Informer()
	claims.AddEventHandler(onSight(func(o any) error { return s.provide(o.(*core.PersistentVolumeClaim)) }))
	volumes.AddEventHandler(onSight(func(o any) error { return s.reclaim(o.(*core.PersistentVolume)) }))
	factory.Start(context.Background().Done())
	select {}
}

// onSight calls act for every object that appears, changes, or is looked at again.
func onSight(act func(any) error) cache.ResourceEventHandler {
	see := func(o any) {
		if err := act(o); err != nil {
			log.Print(err) // the next look tries again
		}
	}
	return cache.ResourceEventHandlerFuncs{AddFunc: see, UpdateFunc: func(_, now any) { see(now) }}
}

func (s shelf) provide(claim *core.PersistentVolumeClaim) error {
	wanted := claim.Spec.StorageClassName != nil && *claim.Spec.StorageClassName == class &&
		claim.Spec.VolumeName == "" && claim.DeletionTimestamp == nil && claim.Annotations[selectedNode] == s.node
	if !wanted {
		return nil
	}
	if claim.Spec.VolumeMode != nil && *claim.Spec.VolumeMode == core.PersistentVolumeBlock {
		return fmt.Errorf("%s/%s: block volumes are not provided", claim.Namespace, claim.Name)
	}
	name := "rundrill-" + string(claim.UID)
	path := filepath.Join(s.directory, name)
	if err := os.MkdirAll(path, 0o777); err != nil {
		return err
	}
	if err := os.Chmod(path, 0o777); err != nil { // the umask must not lock out a pod that is not root
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := s.client.CoreV1().PersistentVolumes().Create(ctx, s.volume(claim, name, path), meta.CreateOptions{})
	if err != nil && !errors.IsAlreadyExists(err) {
		return err
	}
	if err == nil {
		log.Printf("made %s for %s/%s", name, claim.Namespace, claim.Name)
	}
	return nil
}

func (s shelf) volume(claim *core.PersistentVolumeClaim, name, path string) *core.PersistentVolume {
	filesystem := core.PersistentVolumeFilesystem
	here := core.NodeSelectorRequirement{Key: "kubernetes.io/hostname", Operator: core.NodeSelectorOpIn, Values: []string{s.node}}
	return &core.PersistentVolume{
		ObjectMeta: meta.ObjectMeta{
			Name:        name,
			Annotations: map[string]string{provisionedBy: provisioner, nodeAnnotation: s.node},
		},
		Spec: core.PersistentVolumeSpec{
			Capacity:                      core.ResourceList{core.ResourceStorage: claim.Spec.Resources.Requests[core.ResourceStorage]},
			AccessModes:                   claim.Spec.AccessModes,
			PersistentVolumeReclaimPolicy: core.PersistentVolumeReclaimDelete,
			StorageClassName:              class,
			VolumeMode:                    &filesystem,
			ClaimRef: &core.ObjectReference{
				APIVersion: "v1", Kind: "PersistentVolumeClaim",
				Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID,
			},
			PersistentVolumeSource: core.PersistentVolumeSource{Local: &core.LocalVolumeSource{Path: path}},
			NodeAffinity: &core.VolumeNodeAffinity{Required: &core.NodeSelector{
				NodeSelectorTerms: []core.NodeSelectorTerm{{MatchExpressions: []core.NodeSelectorRequirement{here}}},
			}},
		},
	}
}

func (s shelf) reclaim(volume *core.PersistentVolume) error {
	ours := volume.Annotations[provisionedBy] == provisioner && volume.Annotations[nodeAnnotation] == s.node
	if !ours || volume.Status.Phase != core.VolumeReleased ||
		volume.Spec.PersistentVolumeReclaimPolicy != core.PersistentVolumeReclaimDelete {
		return nil
	}
	if err := os.RemoveAll(filepath.Join(s.directory, volume.Name)); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := s.client.CoreV1().PersistentVolumes().Delete(ctx, volume.Name, meta.DeleteOptions{})
	if err != nil && !errors.IsNotFound(err) {
		return err
	}
	log.Printf("removed %s", volume.Name)
	return nil
}
