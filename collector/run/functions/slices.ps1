# Slices: asked for until it is proven what there is, each into a file of its own, each told in the manifest.

$Manifest = Join-Path $Folder 'manifest.ndjson'
$Stamp = [datetime]::UtcNow.ToString('yyyyMMddTHHmmssZ', $Invariant)
$Statuses = @{}

# How each slice of this plan ended when the script was run before.
if (Test-Path -LiteralPath $Manifest) {
    foreach ($Line in [System.IO.File]::ReadAllLines($Manifest)) {
        try {
            $Told = ConvertFrom-Json -InputObject $Line
        }
        catch {
            Write-Log "a line of the manifest cannot be read: $Line"
            continue
        }
        if ($Told.plan -ceq $Plan) {
            $Statuses[$Told.slice] = $Told.status
        }
    }
}

function Read-Once {
    param($File, [string]$Cmdlet, [hashtable]$Parameters, [bool]$Divisible)
    try {
        switch ($Cmdlet) {
            'Search-UnifiedAuditLog' { return Read-AuditLog $File $Parameters $Divisible }
            'Get-MessageTraceV2' { return Read-MessageTrace $File $Parameters }
            'Get-MailboxFolderPermission' { return Read-FolderPermission $File $Parameters }
            default { return Read-Call $File $Cmdlet $Parameters }
        }
    }
    catch [System.Management.Automation.CommandNotFoundException] {
        return New-Finding 'refused' "a role is missing, or nobody is connected: $($_.Exception.Message)"
    }
    catch {
        return New-Finding 'error' "error: $($_.Exception.Message)"
    }
}

# Two answers must agree that there is nothing, and on what there is where no count can be used.
function Get-Status {
    param($Found, $Earlier, [int]$Rows)
    $Again = $null -ne $Earlier -and $Earlier.Kind -eq $Found.Kind
    if ($Found.Kind -eq 'empty' -and $Again -and $Rows -eq 0) {
        return 'empty'
    }
    $Agreed = $Found.Kind -eq 'uncounted' -and $Again -and $Found.Marks.SetEquals($Earlier.Marks)
    if ($Found.Kind -eq 'whole' -or $Agreed) {
        return 'complete'
    }
    return 'gap'
}

function Read-Slice {
    param($File, [string]$Cmdlet, [hashtable]$Parameters, [bool]$Divisible)
    $Earlier = $null
    for ($Attempt = 1; $Attempt -le $Limits.Attempts; $Attempt++) {
        if ($Attempt -gt 1) {
            $Wait = $Limits.FirstWait * [math]::Pow(2, $Attempt - 2)
            Start-Sleep -Seconds ([math]::Min($Limits.LongestWait, $Wait))
        }
        $Found = Read-Once $File $Cmdlet $Parameters $Divisible
        $Found.Attempts = $Attempt
        $Found.Status = Get-Status $Found $Earlier $File.Rows
        if ($Found.Status -ne 'gap' -or $Found.Kind -in 'too-large', 'refused') {
            return $Found
        }
        if ($Found.Kind -eq 'empty') {
            $Found.Reason = 'one answer alone says that there is nothing'
        }
        Write-Log "$($File.Slice): attempt $Attempt does not prove it whole: $($Found.Reason)"
        $Earlier = $Found
    }
    return $Found
}

# Asks for a slice, keeps all the rows that came, tells the manifest; returns the status. One that is too large is to be
# cut, down to a second; one that fails is cut so often at most.
function Save-Rows {
    param([hashtable]$Of, [hashtable]$Parameters, [int]$Seconds, [int]$Cuts)
    $Told = [ordered]@{ plan = $Plan; started = ConvertTo-Plain ([datetime]::UtcNow) }
    foreach ($Member in 'slice', 'source', 'part', 'start', 'end', 'cmdlet') {
        $Told[$Member] = $Of[$Member]
    }
    $Name = "$($Of.slice)-$Stamp.jsonl"
    $Path = Join-Path (New-Item -ItemType Directory -Force -Path (Join-Path $Folder $Of.source)).FullName $Name
    $File = @{ Slice = $Of.slice; Source = $Of.source; Part = $Of.part; Rows = 0 }
    $File.Seen = New-Object 'System.Collections.Generic.HashSet[string]'
    $File.Writer = New-Object System.IO.StreamWriter("$Path.part", $false, $Utf8)
    try {
        $Found = Read-Slice $File $Of.cmdlet $Parameters ($Seconds -ge 2)
    }
    finally {
        $File.Writer.Dispose()
    }
    $Smaller = $Found.Kind -eq 'too-large' -or ($Cuts -lt 3 -and $Found.Kind -in 'failed', 'uncounted')
    if ($Found.Status -eq 'gap' -and $Seconds -ge 2 -and $Smaller) {
        $Found.Status = 'cut'
    }
    $Told.status = $Found.Status
    $Told.reason = $Found.Reason
    $Told.attempts = $Found.Attempts
    $Told.result_count = $Found.ResultCount
    $Told.rows = $File.Rows
    if ($File.Rows) {
        Move-Item -LiteralPath "$Path.part" -Destination $Path
        $Told.file = "$($Of.source)/$Name"
        $Told.sha256 = (Get-FileHash -Algorithm SHA256 -LiteralPath $Path).Hash.ToLowerInvariant()
    }
    else {
        Remove-Item -LiteralPath "$Path.part"
    }
    $Told.ended = ConvertTo-Plain ([datetime]::UtcNow)
    [System.IO.File]::AppendAllText($Manifest, (ConvertTo-Line $Told) + "`n", $Utf8)
    return $Found
}

# Asks for one slice; what was whole when the script was run before is not asked for again.
function Save-Slice {
    param(
        [string]$Slice, [string]$Source, [string]$Part, [string]$Start, [string]$End,
        [string]$Cmdlet, [hashtable]$Parameters, [int]$Cuts = 0
    )
    if ($Statuses[$Slice] -in 'complete', 'empty') {
        return
    }
    $Seconds = 0
    if ($Start) {
        $Seconds = [int]((ConvertTo-Utc $End) - (ConvertTo-Utc $Start)).TotalSeconds
    }
    if ($Statuses[$Slice] -ne 'cut') {
        $Of = @{ slice = $Slice; source = $Source; part = $Part; start = $Start; end = $End; cmdlet = $Cmdlet }
        $Found = Save-Rows $Of $Parameters $Seconds $Cuts
        $Statuses[$Slice] = $Found.Status
        $About = "$Slice $Source $Part $Start $End $($Found.Reason)"
        Write-Log "$($Found.Status): $About"
        if ($Found.Status -eq 'gap') {
            Write-Log "NOT WHOLE: $About"
            Write-Warning "NOT WHOLE: $About"
        }
    }
    if ($Statuses[$Slice] -eq 'cut') {
        $Middle = (ConvertTo-Utc $Start).AddSeconds([math]::Floor($Seconds / 2))
        $At = $Middle.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", $Invariant)
        $First = $Parameters.Clone()
        $First.EndDate = $Middle.AddSeconds($Margin)
        $Second = $Parameters.Clone()
        $Second.StartDate = $Middle.AddSeconds(-$Margin)
        $Same = @{ Source = $Source; Part = $Part; Cmdlet = $Cmdlet; Cuts = $Cuts + 1 }
        Save-Slice -Slice "$Slice.1" -Start $Start -End $At -Parameters $First @Same
        Save-Slice -Slice "$Slice.2" -Start $At -End $End -Parameters $Second @Same
    }
}

function Write-Summary {
    $Missing = @(foreach ($Status in $Statuses.Values) { if ($Status -eq 'gap') { $Status } })
    Write-Log "the plan was asked: $($Statuses.Count) slices, $($Missing.Count) of them NOT WHOLE"
    if ($Missing.Count) {
        Write-Warning "$($Missing.Count) slices are NOT WHOLE, see $Log; run the script again to ask for them alone"
    }
    Write-Output "what came is in $Folder"
}
