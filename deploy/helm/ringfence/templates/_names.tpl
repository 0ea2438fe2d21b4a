{{- define "ringfence.selector" -}}
app.kubernetes.io/name: ringfence
app.kubernetes.io/component: agent
{{- end }}

{{- define "ringfence.common" -}}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
{{- end }}

{{- define "ringfence.labels" -}}
{{ include "ringfence.selector" . }}
{{ include "ringfence.common" . }}
{{- end }}

{{- define "ringfence.cleanupSelector" -}}
app.kubernetes.io/name: ringfence
app.kubernetes.io/component: cleanup
{{- end }}

{{- define "ringfence.cleanupLabels" -}}
{{ include "ringfence.cleanupSelector" . }}
{{ include "ringfence.common" . }}
{{- end }}

{{- /* Hooks run in the order of their weights. Helm deletes them when they have succeeded. */ -}}
{{- define "ringfence.cleanupHook" -}}
helm.sh/hook: post-delete
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{- /* An image with a digest is that image, whatever its tag is. */ -}}
{{- define "ringfence.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ printf "%s@%s" .repository .digest }}
{{- else -}}
{{ printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) }}
{{- end -}}
{{- end -}}
{{- end }}
